package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Device memory runs out wherever the pass has come: it fails, gives everything back, and the next one is right. */
class NoMemoryInTrainingTest {
  private static final List<int[]> PROMPTS =
      List.of(TestEngines.tokens(1, 70), TestEngines.tokens(2, 21));
  private static final long DEVICE_BYTES = 16L << 20;
  private static final int STEP_BYTES = 20_000;

  static Stream<Trainable> trainables() {
    return Stream.of(
        TestEngines.adapter(LinearLayer.Q, LinearLayer.V),
        TestEngines.adapter(LinearLayer.O, LinearLayer.GATE, LinearLayer.UP, LinearLayer.DOWN),
        new Trainable.WholeModel());
  }

  @ParameterizedTest
  @MethodSource("trainables")
  void whatFailsGivesEverythingBack(Trainable trainable) {
    EngineConfig config = TestEngines.config(
        TestEngines.learning(trainable),
        TestEngines.cache(512, 2 << 20, 64 << 20),
        new SchedulerConfig(8, 64, 64),
        0);
    // The plan is asked about more than there is.
    try (Engine engine = new Engine(
        config,
        CpuOps.create(2, DEVICE_BYTES),
        new RandomWeights(TestEngines.TINY, 1, 8),
        new Metrics())) {
      List<TrainingExample> examples = new ArrayList<>();
      for (Turn turn : TestEngines.answers(engine, "t", PROMPTS, 4)) {
        examples.add(TrainingExample.completion(
            turn.id(), turn.prompt(), TestEngines.tokens(9, 6), turn.version()));
      }
      Tier.HOST_ONLY.arrange(engine, new Random(5));
      long before = trainerBytes(engine);
      int failures = 0;
      for (long left = 0; ; left += STEP_BYTES) {
        Tensor others = takeAllBut(engine, left);
        CompletableFuture<HostGradient> logged = engine.gradient(examples, Reuse.LOGGED);
        boolean failed = logged.handle((done, failure) -> failure != null).join();
        give(engine, others);
        if (!failed) {
          HostGradient gradient = Engine.await(logged);
          assertThat(gradient.report().reusedTokens()).isPositive();
          assertThat(gradient.relativeError(Engine.await(engine.gradient(examples, Reuse.NONE))))
              .isLessThan(1e-5);
          break;
        }
        failures++;
        assertThatThrownBy(() -> Engine.await(logged)).isInstanceOf(DeviceMemoryException.class);
        assertThat(trainerBytes(engine)).as("with %d bytes", left).isEqualTo(before);
        TestEngines.assertNothingHeld(engine);
      }
      assertThat(failures).isGreaterThan(8);
      TestEngines.assertNothingHeld(engine);
    }
  }

  private static long trainerBytes(Engine engine) {
    return Engine.await(engine.inspect(
        e -> Objects.requireNonNull(e.learner()).trainer().memory().usedBytes()));
  }

  private static Tensor takeAllBut(Engine engine, long left) {
    return Engine.await(engine.inspect(e -> {
      MemoryScope all = e.ops().memory();
      long bytes = DEVICE_BYTES - all.usedBytes() - left;
      return all.allocate("others", DType.F32, 1, (int) (bytes / Float.BYTES));
    }));
  }

  private static void give(Engine engine, Tensor others) {
    boolean unused = Engine.await(engine.inspect(e -> {
      others.close();
      return true;
    }));
  }
}
