package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The plan names what an engine takes, and an engine takes no more than its plan. */
class MemoryPlanTest {
  private static final long MEBIBYTE = 1 << 20;

  /** Models and ways to use them that differ in what takes most. */
  @SuppressWarnings("ImmutableEnumChecker") // all fields are immutable records
  enum Case {
    SERVES_ONLY(97, 32, 48, true, null, 64, 32, 0, 0, 0),
    SERVES_A_LARGE_VOCABULARY(1500, 32, 48, false, null, 64, 32, 0, 200_000, 0),
    RECORDS(97, 64, 160, true, lora(4), 128, 64, 2, 1 << 20, 0),
    OFFLOADS(97, 64, 160, true, lora(4), 64, 128, 2, 300_000, 64 << 20),
    LARGE_ADAPTER(97, 32, 48, true, lora(64), 32, 64, 3, 200_000, 0),
    LARGE_PASSES(97, 32, 48, true, lora(4), 16, 256, 1, 200_000, 1 << 20),
    WHOLE_MODEL(97, 48, 128, true, new Trainable.WholeModel(), 32, 128, 1, 200_000, 0),
    WHOLE_MODEL_OFFLOADS(
        300, 48, 128, false, new Trainable.WholeModel(), 32, 128, 2, 200_000, 64 << 20),
    SMALL(20, 8, 8, true, lora(1), 8, 32, 0, 20_000, 0);

    private final ModelConfig model;
    private final @Nullable LearningConfig learning;
    private final int stepTokens;
    private final int keptVersions;
    private final CacheConfig cache;

    Case(
        int vocabulary,
        int hidden,
        int ffn,
        boolean tied,
        @Nullable Trainable trainable,
        int stepTokens,
        int microBatchTokens,
        int keptVersions,
        long activationBytes,
        long hostBytes) {
      this.model = new ModelConfig(
          "llama", vocabulary, hidden, 3, 4, 2, 8, ffn, 1e-5f, RopeConfig.plain(10_000), 256, tied);
      this.learning = trainable == null
          ? null
          : new LearningConfig(
              trainable,
              OptimizerConfig.withRate(1e-3f),
              new TrainerConfig(microBatchTokens, 16 * vocabulary + 64, 8));
      this.stepTokens = stepTokens;
      this.keptVersions = keptVersions;
      this.cache = TestEngines.cache(512, activationBytes, hostBytes);
    }

    private static Trainable lora(int rank) {
      return new Trainable.Adapter(new LoraSpec(rank, rank, EnumSet.allOf(LinearLayer.class)), 3);
    }

    EngineConfig config(long deviceBytes) {
      return new EngineConfig(
          deviceBytes,
          cache,
          new SchedulerConfig(4, stepTokens, 64),
          LatencyTargets.DEFAULT,
          learning,
          keptVersions,
          100,
          Set.of());
    }
  }

  @ParameterizedTest
  @EnumSource(Case.class)
  void anEngineLivesWithinItsPlan(Case which) {
    long planned = MemoryPlan.of(which.model, which.config(1L << 40)).totalBytes();
    EngineConfig config = which.config(planned);
    long peak;
    try (Engine engine = new Engine(
        config, CpuOps.create(2, planned), new RandomWeights(which.model, 1, 8), new Metrics())) {
      work(engine, which);
      peak = Engine.await(engine.status()).devicePeakBytes();
    }
    assertThat(peak).isLessThanOrEqualTo(planned);
    assertThat(peak).as("the plan is no wild guess").isGreaterThan(planned / 4);
  }

  /** Full steps, full passes with and without reuse, more versions than are kept. */
  private static void work(Engine engine, Case which) {
    int length = which.learning == null ? 40 : which.learning.trainer().microBatchTokens() - 8;
    Random random = new Random(3);
    for (int round = 0; round <= which.keptVersions + 1; round++) {
      List<int[]> prompts = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        prompts.add(
            random.ints(Math.min(length, 100), 0, which.model.vocabSize()).toArray());
      }
      List<Turn> turns = TestEngines.answers(engine, "r" + round, prompts, 6);
      if (which.learning != null) {
        List<TrainingExample> examples = new ArrayList<>();
        for (Turn turn : turns) {
          int[] answer = random.ints(8, 0, which.model.vocabSize()).toArray();
          examples.add(
              TrainingExample.completion(turn.id(), turn.prompt(), answer, turn.version()));
        }
        // One that fills a pass alone.
        int most = which.learning.trainer().microBatchTokens();
        examples.add(TrainingExample.completion(
            "full",
            random.ints(2, 0, which.model.vocabSize()).toArray(),
            random.ints(Math.min(most, 255) - 1, 0, which.model.vocabSize()).toArray(),
            turns.get(0).version()));
        Engine.await(engine.accumulate(examples, Reuse.NONE));
        Engine.await(engine.train(examples));
      }
    }
  }

  @Test
  void aPlanThatDoesNotAddUpNamesItsParts() {
    EngineConfig config = Case.RECORDS.config(2 * MEBIBYTE);
    assertThatThrownBy(() -> TestEngines.start(config, Case.RECORDS.model))
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessageMatching("The memory plan needs [0-9.]+ MiB, the device has 2.0 MiB: weights"
            + " [0-9.]+ MiB, keys and values 0.2 MiB, shared with activations 1.0 MiB, serving [0-9.]+ MiB,"
            + " gradients and optimizer [0-9.]+ MiB, training pass [0-9.]+ MiB. Give the engine more"
            + " device memory, or less to its largest part.");
  }

  @Test
  void partsAddUp() {
    MemoryPlan plan = MemoryPlan.of(Case.RECORDS.model, Case.RECORDS.config(1L << 40));
    assertThat(plan.parts().values().stream().mapToLong(Long::longValue).sum())
        .isEqualTo(plan.totalBytes());
    assertThat(plan.deviceBytes()).isEqualTo(1L << 40);
    long block = 2L * 4 * 4 * 3 * 16; // floats of four tokens of three layers
    assertThat(plan.parts())
        .containsEntry("keys and values", 512 / 4 * block)
        .containsEntry("shared with activations", MEBIBYTE / block * block);
    MemoryPlan serving = MemoryPlan.of(Case.SERVES_ONLY.model, Case.SERVES_ONLY.config(1L << 40));
    assertThat(serving.parts())
        .containsOnlyKeys("weights", "keys and values", "shared with activations", "serving");
  }
}
