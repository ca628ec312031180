package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.awaitility.Awaitility.await;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.EngineStatus;
import io.alchemist.engine.HostGradient;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.LearningConfig;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.TokenListener;
import io.alchemist.serve.Turn;
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
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** An engine with random weights whose device holds few activations, so that most go to a host tier in Spark's memory. */
final class SmallEngine implements AutoCloseable {
  private static final int VOCABULARY = 97;
  private static final int PROMPT_TOKENS = 100;
  private static final long DEVICE_BYTES = 128L << 20;
  /** A prompt leaves 1.8 MB behind. */
  private static final long DEVICE_ACTIVATION_BYTES = 8L << 20;

  private static final ModelConfig MODEL = new ModelConfig(
      "llama", VOCABULARY, 32, 3, 4, 2, 8, 1024, 1e-5f, RopeConfig.plain(10_000), 256, true);

  final SparkHostTier tier;
  private final Engine engine;
  private int requests;

  SmallEngine(int rddId, long maxHostBytes, long maxDiskBytes) {
    LearningConfig learning = new LearningConfig(
        new Trainable.Adapter(new LoraSpec(4, 8, EnumSet.allOf(LinearLayer.class)), 7),
        OptimizerConfig.withRate(1e-2f),
        new TrainerConfig(240, VOCABULARY * 64, 8));
    EngineConfig config = new EngineConfig(
        DEVICE_BYTES,
        new CacheConfig(16, 4096, DEVICE_ACTIVATION_BYTES, 0, 0, null),
        new SchedulerConfig(4, 128, 64),
        LatencyTargets.DEFAULT,
        learning,
        1,
        100,
        Set.of());
    CpuOps ops = CpuOps.createPlain(2, DEVICE_BYTES); // vectors need C2, which tests don't have
    tier = SparkHostTier.open(rddId, maxHostBytes, maxDiskBytes, ops::hostBuffer);
    engine = new Engine(config, ops, new RandomWeights(MODEL, 1, 8), new Metrics(), tier);
  }

  /** Serves different prompts one after the other, each of which is logged and something to learn. */
  List<TrainingExample> serve(int prompts) {
    List<TrainingExample> examples = new ArrayList<>();
    for (int i = 0; i < prompts; i++) {
      int[] prompt = new Random(++requests).ints(PROMPT_TOKENS, 0, VOCABULARY).toArray();
      Answer answer = new Answer();
      Engine.await(engine.generate(
          new GenerationRequest("turn-" + requests, prompt, 6, SamplingParams.GREEDY, 0), answer));
      Turn turn = Engine.await(answer.turn);
      await().until(() -> {
        EngineStatus now = status();
        return now.mover().queued() == 0
            && now.cache().uncopiedActivationBytes() <= DEVICE_ACTIVATION_BYTES * 3 / 4;
      });
      examples.add(
          TrainingExample.completion(turn.id(), turn.prompt(), turn.completion(), turn.version()));
    }
    return examples;
  }

  HostGradient gradient(List<TrainingExample> examples, Reuse reuse) {
    Engine.await(engine.accumulate(examples, reuse));
    return Engine.await(engine.takeGradient());
  }

  /** The gradient of what was logged, which is that of full recomputation. */
  HostGradient checkedGradient(List<TrainingExample> examples, HostGradient recomputed) {
    HostGradient logged = gradient(examples, Reuse.LOGGED);
    assertThat(recomputed.report().reusedTokens()).isZero();
    assertThat(logged.relativeError(recomputed)).isLessThan(1e-5);
    assertThat(logged.report().loss())
        .isCloseTo(recomputed.report().loss(), withinPercentage(1e-3));
    return logged;
  }

  EngineStatus status() {
    return Engine.await(engine.status());
  }

  @Override
  public void close() {
    engine.close();
  }

  private static final class Answer implements TokenListener {
    final CompletableFuture<Turn> turn = new CompletableFuture<>();

    @Override
    public boolean onToken(SampledToken token) {
      return true;
    }

    @Override
    public void onEnd(Turn last, @Nullable RequestException error) {
      if (error == null) {
        turn.complete(last);
      } else {
        turn.completeExceptionally(error);
      }
    }
  }
}
