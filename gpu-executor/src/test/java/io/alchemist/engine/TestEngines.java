package io.alchemist.engine;

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
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Small engines for tests. */
final class TestEngines {
  static final ModelConfig TINY =
      new ModelConfig("llama", 97, 32, 3, 4, 2, 8, 48, 1e-5f, RopeConfig.plain(10_000), 256, true);

  private TestEngines() {}

  static Trainable adapter(LinearLayer... targets) {
    return new Trainable.Adapter(new LoraSpec(4, 8, EnumSet.copyOf(Set.of(targets))), 7);
  }

  static LearningConfig learning(Trainable trainable) {
    return new LearningConfig(
        trainable, OptimizerConfig.forAdapter(1e-2f), new TrainerConfig(256, 97 * 64, 8));
  }

  static CacheConfig cache(int kvTokens, long activationBytes, long hostBytes) {
    return new CacheConfig(4, kvTokens, activationBytes, hostBytes, 0, null);
  }

  static EngineConfig config(
      @Nullable LearningConfig learning, CacheConfig cache, int maxStepTokens) {
    return new EngineConfig(
        2,
        256L << 20,
        cache,
        new SchedulerConfig(8, maxStepTokens, 64),
        LatencyTargets.DEFAULT,
        learning,
        3,
        100,
        Set.of());
  }

  static Engine start(EngineConfig config, ModelConfig model) {
    return new Engine(
        config, CpuOps.create(2, 256L << 20), new RandomWeights(model, 1, 8), new Metrics());
  }

  static CompletableFuture<Turn> generate(
      Engine engine, String id, int[] prompt, int maxTokens, SamplingParams sampling) {
    CompletableFuture<Turn> turn = new CompletableFuture<>();
    CompletableFuture<Void> queued = engine.generate(
        new GenerationRequest(id, prompt, maxTokens, sampling, 0), new TokenListener() {
          @Override
          public boolean onToken(SampledToken token) {
            return true;
          }

          @Override
          public void onEnd(Turn ended, @Nullable RequestException error) {
            if (error == null) {
              turn.complete(ended);
            } else {
              turn.completeExceptionally(error);
            }
          }
        });
    CompletableFuture<Void> unused = queued.whenComplete((done, failed) -> {
      if (failed != null) {
        turn.completeExceptionally(failed);
      }
    });
    return turn;
  }
}
