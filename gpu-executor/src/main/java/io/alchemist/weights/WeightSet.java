package io.alchemist.weights;

import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One immutable version of all weights: what a request is served with, and what its gradient is taken at. Lives as long as
 * {@link WeightStore} keeps it or somebody pins it. Engine thread.
 */
public final class WeightSet {
  private final long version;
  private final ModelConfig config;
  private final BaseWeights base;
  private final @Nullable LoraAdapter adapter;
  private final List<LayerWeights> layers = new ArrayList<>();
  private int pins;

  WeightSet(long version, ModelConfig config, BaseWeights base, @Nullable LoraAdapter adapter) {
    this.version = version;
    this.config = config;
    this.base = base;
    this.adapter = adapter;
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(new LayerWeights(
          base.gain(ParameterId.attentionNorm(layer)),
          linear(layer, LinearLayer.Q),
          linear(layer, LinearLayer.K),
          linear(layer, LinearLayer.V),
          linear(layer, LinearLayer.O),
          base.gain(ParameterId.ffnNorm(layer)),
          linear(layer, LinearLayer.GATE),
          linear(layer, LinearLayer.UP),
          linear(layer, LinearLayer.DOWN)));
    }
  }

  private Linear linear(int layer, LinearLayer linear) {
    return new Linear(
        base.matrix(ParameterId.weight(layer, linear)),
        adapter == null ? null : adapter.find(layer, linear));
  }

  public long version() {
    return version;
  }

  public ModelConfig config() {
    return config;
  }

  /** The embedding table (vocabulary, hidden). */
  public Weight embedding() {
    return base.matrix(ParameterId.EMBEDDING);
  }

  /** The output layer (vocabulary, hidden); the embedding table where the two are tied. */
  public Weight head() {
    return base.matrix(config.tiedEmbeddings() ? ParameterId.EMBEDDING : ParameterId.HEAD);
  }

  /** Gain of the last norm (1, hidden). */
  public Tensor finalNorm() {
    return base.gain(ParameterId.FINAL_NORM);
  }

  public LayerWeights layer(int layer) {
    return layers.get(layer);
  }

  /** The shape of the adapter, or null for base weights alone. */
  public @Nullable LoraSpec lora() {
    return adapter == null ? null : adapter.spec();
  }

  BaseWeights base() {
    return base;
  }

  void pin() {
    pins++;
  }

  int unpin() {
    if (pins == 0) {
      throw new IllegalStateException("Version " + version + " is not pinned");
    }
    return --pins;
  }

  boolean isPinned() {
    return pins > 0;
  }

  void free() {
    if (adapter != null) {
      adapter.close();
    }
    base.release();
  }
}
