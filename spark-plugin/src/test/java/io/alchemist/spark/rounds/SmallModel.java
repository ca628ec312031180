package io.alchemist.spark.rounds;

import io.alchemist.train.OptimizerConfig;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.Trainable;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/** The shape of a small model, and adapters for it. */
final class SmallModel {
  static final ModelConfig CONFIG =
      new ModelConfig("llama", 17, 8, 2, 2, 1, 4, 12, 1e-5f, RopeConfig.plain(10_000), 64, true);
  static final LoraSpec LORA = new LoraSpec(2, 4, Set.of(LinearLayer.Q, LinearLayer.DOWN));
  static final Trainable.Adapter TRAINABLE = new Trainable.Adapter(LORA, 3);
  static final OptimizerConfig OPTIMIZER = OptimizerConfig.withRate(1e-2f);

  private SmallModel() {}

  static AdapterData adapter(long seed) {
    Random random = new Random(seed);
    NavigableMap<Site, Factors> factors = new TreeMap<>();
    for (int layer = 0; layer < CONFIG.layers(); layer++) {
      for (LinearLayer linear : LORA.targets()) {
        factors.put(
            new Site(layer, linear),
            new Factors(
                normal(random, LORA.rank() * linear.inputs(CONFIG)),
                normal(random, LORA.rank() * linear.outputs(CONFIG))));
      }
    }
    return new AdapterData(LORA.rank(), LORA.alpha(), factors);
  }

  static float[] normal(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
