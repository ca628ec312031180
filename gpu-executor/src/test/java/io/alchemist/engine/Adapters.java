package io.alchemist.engine;

import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;

/** Adapters of random numbers. */
final class Adapters {
  private Adapters() {}

  static AdapterData random(
      ModelConfig config, int rank, float alpha, long seed, double deviation) {
    Random random = new Random(seed);
    NavigableMap<Site, Factors> factors = new TreeMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (LinearLayer linear : LinearLayer.values()) {
        factors.put(
            new Site(layer, linear),
            new Factors(
                normal(random, rank * linear.inputs(config), deviation),
                normal(random, rank * linear.outputs(config), deviation)));
      }
    }
    return new AdapterData(rank, alpha, factors);
  }

  private static float[] normal(Random random, int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
