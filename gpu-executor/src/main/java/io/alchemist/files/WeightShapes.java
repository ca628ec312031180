package io.alchemist.files;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.WeightNames;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** The names and shapes of all weights of a model, in forward order. */
final class WeightShapes {
  private WeightShapes() {}

  /** Visits each weight; nothing is allocated for layers that a configuration only claims to have. */
  static void forEach(ModelConfig config, BiConsumer<String, List<Long>> visitor) {
    List<Long> vector = List.of((long) config.hiddenSize());
    List<Long> table = List.of((long) config.vocabSize(), (long) config.hiddenSize());
    visitor.accept(WeightNames.EMBEDDING, table);
    for (int layer = 0; layer < config.layers(); layer++) {
      visitor.accept(WeightNames.attentionNorm(layer), vector);
      visitor.accept(WeightNames.ffnNorm(layer), vector);
      for (LinearLayer linear : LinearLayer.values()) {
        visitor.accept(
            WeightNames.linear(layer, linear),
            List.of((long) linear.outputs(config), (long) linear.inputs(config)));
      }
    }
    visitor.accept(WeightNames.FINAL_NORM, vector);
    if (!config.tiedEmbeddings()) {
      visitor.accept(WeightNames.HEAD, table);
    }
  }

  static Map<String, List<Long>> of(ModelConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    forEach(config, shapes::put);
    return shapes;
  }
}
