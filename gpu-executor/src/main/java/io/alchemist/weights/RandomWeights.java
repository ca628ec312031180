package io.alchemist.weights;

import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A model of random weights: what training from scratch, tests and benchmarks start from. Matrices are normal with a standard
 * deviation of 0.02, those that add to the residual stream of 0.02 / sqrt(2 layers) (Radford et al. 2019, GPT-2); gains are 1.
 */
public final class RandomWeights implements WeightSource {
  private static final double DEVIATION = 0.02;
  private final ModelConfig config;
  private final long seed;
  private final double scale;
  private final Map<String, ParameterId> ids = new HashMap<>();

  public RandomWeights(ModelConfig config, long seed) {
    this(config, seed, 1);
  }

  /** With matrices {@code scale} times as large; large ones make a model whose outputs differ clearly. */
  public RandomWeights(ModelConfig config, long seed, double scale) {
    this.config = config;
    this.seed = seed;
    this.scale = scale;
    for (ParameterId id : ParameterId.ofModel(config)) {
      ids.put(id.checkpointName(), id);
    }
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public void read(String name, long offset, FloatBuffer into) {
    ParameterId id = ids.get(name);
    if (id == null) {
      throw new IllegalArgumentException("This model has no weight '" + name + "'");
    }
    double deviation =
        switch (id.kind()) {
          case ATTENTION_NORM, FFN_NORM, FINAL_NORM -> 0;
          default ->
            id.linear() == LinearLayer.O || id.linear() == LinearLayer.DOWN
                ? DEVIATION / Math.sqrt(2.0 * config.layers())
                : DEVIATION;
        };
    for (long i = offset; into.hasRemaining(); i++) {
      into.put(
          deviation == 0
              ? 1
              : (float) (scale * deviation * normal(name.hashCode() * 31L + seed, i)));
    }
  }

  /** The i-th number of a normal distribution of its own, so that any part can be read alone. */
  private static double normal(long stream, long i) {
    SplittableRandom random = new SplittableRandom(stream * 0x9E3779B97F4A7C15L + i);
    double radius = Math.sqrt(-2 * Math.log(1 - random.nextDouble()));
    return radius * Math.cos(2 * Math.PI * random.nextDouble());
  }
}
