package io.alchemist.train;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.Parameters;
import org.jspecify.annotations.Nullable;

/**
 * What a pass adds to a sum. A pass may lose what it reads from the host in the middle of a layer, and begin again without it.
 * So each layer's gradient is added up apart and joins the sum when the layer is complete; the pass that begins again leaves out
 * what has {@link Joined}. Engine thread.
 */
final class PassGradient implements AutoCloseable {
  private static final Parameters NOTHING = id -> null;

  private final Ops ops;
  private final MemoryScope scope;
  private final ParameterSet sum;
  private final int layers;
  private final boolean isApart;
  private Joined joined;
  private boolean hasAdded;
  /** Of the layer at hand. */
  private @Nullable ParameterSet apart;

  /**
   * How much of the gradient of some examples is in the sum.
   *
   * @param output whether that of the head and the norm before it is
   * @param layers how many layers are, the last ones
   */
  record Joined(boolean output, int layers) {
    static final Joined NOTHING = new Joined(false, 0);
  }

  /**
   * Of one pass.
   *
   * @param layers of the model
   * @param isApart whether the pass may break off in the middle of a layer and begin again
   * @param joined what is in the sum already
   */
  PassGradient(
      Ops ops, MemoryScope scope, ParameterSet sum, int layers, boolean isApart, Joined joined) {
    this.ops = ops;
    this.scope = scope;
    this.sum = sum;
    this.layers = layers;
    this.isApart = isApart;
    this.joined = joined;
  }

  /** Receives the gradient of the head and of the norm before it. */
  Parameters ofOutput() {
    return joined.output ? NOTHING : this::added;
  }

  /** That has been added whole: from then on the pass may break off, but not before. */
  void outputDone() {
    joined = new Joined(true, joined.layers);
  }

  /** Receives the gradient of a layer. */
  Parameters ofLayer(int layer) {
    if (layer >= layers - joined.layers) {
      return NOTHING;
    }
    if (!isApart) {
      return this::added;
    }
    if (apart == null) {
      apart = sum.zerosLike(ops, scope, "gradient of a layer", id -> id.layer() == layer);
    }
    return apart;
  }

  /** That has been added whole. */
  void layerDone(int layer) {
    ParameterSet done = apart;
    if (done != null) {
      done.forEach((id, tensor) -> {
        hasAdded = true;
        ops.add(1, tensor, sum.tensor(id));
      });
      done.close();
      apart = null;
    }
    joined = new Joined(joined.output, Math.max(joined.layers, layers - layer));
  }

  /** Receives the gradient of the embeddings, after that of all layers. */
  Parameters ofEmbeddings() {
    return this::added;
  }

  private @Nullable Tensor added(ParameterId id) {
    Tensor tensor = sum.find(id);
    hasAdded |= tensor != null;
    return tensor;
  }

  /** What a pass over the same examples would leave out. */
  Joined joined() {
    return joined;
  }

  /** Whether the sum may hold some of it. */
  boolean hasAdded() {
    return hasAdded;
  }

  @Override
  public void close() {
    if (apart != null) {
      apart.close();
      apart = null;
    }
  }
}
