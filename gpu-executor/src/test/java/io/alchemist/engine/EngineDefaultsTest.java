package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EngineDefaultsTest {
  private static final long GIB = 1L << 30;
  /** TinyLlama's shape, of 1.1 billion parameters. */
  private static final ModelConfig MODEL = new ModelConfig(
      "llama", 32_000, 2048, 22, 32, 4, 64, 5632, 1e-5f, RopeConfig.plain(10_000), 2048, false);

  private static final LearningConfig LEARNING = new LearningConfig(
      new Trainable.Adapter(new LoraSpec(8, 16, Set.of(LinearLayer.Q, LinearLayer.V)), 1),
      OptimizerConfig.withRate(1e-3f),
      new TrainerConfig(2048, 8 << 20, 8));

  private static EngineConfig executor(long bytes) {
    return EngineDefaults.of(MODEL, bytes, LEARNING, 5, Set.of());
  }

  private static EngineConfig alone(long bytes, @Nullable LearningConfig learning) {
    return EngineDefaults.of(MODEL, bytes, learning, Set.of());
  }

  private static long planned(EngineConfig config) {
    return MemoryPlan.of(MODEL, config).totalBytes();
  }

  @Test
  void anExecutorUsesAllOfItsDevice() {
    for (long bytes = 13 * GIB; bytes < 24 * GIB; bytes += 12_345_678_901L / 7) {
      assertThat((double) planned(executor(bytes))).isBetween(0.97 * bytes, (double) bytes);
    }
  }

  @Test
  void anEngineAloneLeavesRoomForWhatLeavesTheDevice() {
    EngineConfig config = alone(18 * GIB, LEARNING);
    long host = config.cache().hostBytes();
    assertThat(host).isGreaterThan(GIB);
    assertThat((double) planned(config) + host).isBetween(0.97 * 18 * GIB, 18.0 * GIB);
  }

  @Test
  void whoDoesNotLearnKeepsNoActivations() {
    CacheConfig cache = alone(18 * GIB, null).cache();
    assertThat(cache.sharedBytes()).isZero();
    assertThat(cache.hostBytes()).isZero();
    assertThat(cache.kvTokens()).isGreaterThan(MODEL.maxPositions());
  }

  @Test
  void aSmallModelDoesNotTakeALargeDevice() {
    ModelConfig small = new ModelConfig(
        "llama", 97, 32, 3, 4, 2, 8, 48, 1e-5f, RopeConfig.plain(10_000), 256, true);
    EngineConfig config = EngineDefaults.of(small, 512 * GIB, LEARNING, 5, Set.of());
    assertThat(MemoryPlan.of(small, config).totalBytes()).isLessThan(GIB);
  }
}
