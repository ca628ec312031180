package io.alchemist.bench;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.LearningConfig;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RandomWeights;
import io.alchemist.weights.Trainable;
import java.util.Set;

/** Engines to measure: random weights, no end of a turn. */
final class BenchEngine {
  private static final int KEPT_TURNS = 100;

  private BenchEngine() {}

  /**
   * Starts one, which the caller closes.
   *
   * @param keptVersions besides the live one
   */
  static Engine start(
      ModelConfig model,
      int threads,
      long memoryBytes,
      CacheConfig cache,
      SchedulerConfig scheduler,
      LatencyTargets targets,
      Trainable trainable,
      TrainerConfig trainer,
      int keptVersions) {
    EngineConfig config = new EngineConfig(
        memoryBytes,
        cache,
        scheduler,
        targets,
        new LearningConfig(trainable, OptimizerConfig.withRate(1e-4f), trainer),
        keptVersions,
        KEPT_TURNS,
        Set.of());
    return new Engine(
        config, CpuOps.create(threads, memoryBytes), new RandomWeights(model, 1), new Metrics());
  }
}
