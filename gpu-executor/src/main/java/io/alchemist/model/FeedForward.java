package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LayerWeights;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
import java.util.Set;

/** The second half of a decoder layer: y = mid + Down(silu(Gate n) · Up n), n = norm(mid). */
final class FeedForward {
  private final Ops ops;
  private final ModelConfig config;
  private final LinearMath linear;

  FeedForward(Ops ops, ModelConfig config) {
    this.ops = ops;
    this.config = config;
    this.linear = new LinearMath(ops);
  }

  /** Reads {@code a.mid}; writes {@code a.gate}, {@code a.up} and y (T, C). */
  void forward(LayerWeights w, Activations a, Tensor y, Workspace work) {
    int rows = a.mid().rows();
    Tensor normed = work.hidden("normed", rows); // (T, C)
    ops.rmsNorm(a.mid(), w.ffnNorm(), config.normEpsilon(), normed);
    linear.forward(w.gate(), normed, 0, a.gate(), work); // (T, F)
    linear.forward(w.up(), normed, 0, a.up(), work); // (T, F)
    Tensor act = work.ffn("act", rows);
    ops.swiGlu(a.gate(), a.up(), act);
    ops.copy(a.mid(), y);
    linear.forward(w.down(), act, 1, y, work); // y = mid + Down(act)
  }

  /**
   * Writes gate and up where they are missing, as {@link #forward} does.
   *
   * @param a what was kept, and tensors for what is missing
   */
  void restore(LayerWeights w, Set<Field> missing, Activations a, Workspace work) {
    if (!missing.contains(Field.GATE) && !missing.contains(Field.UP)) {
      return;
    }
    Tensor normed = work.hidden("normed", a.mid().rows()); // (T, C)
    ops.rmsNorm(a.mid(), w.ffnNorm(), config.normEpsilon(), normed);
    if (missing.contains(Field.GATE)) {
      linear.forward(w.gate(), normed, 0, a.gate(), work); // (T, F)
    }
    if (missing.contains(Field.UP)) {
      linear.forward(w.up(), normed, 0, a.up(), work); // (T, F)
    }
  }

  /**
   * Turns the gradient of y into that of mid, in place.
   *
   * @param a activations of the rows
   * @param d (T, C)
   * @param midWanted whether the gradient of mid is wanted; if not, d is left as it is
   */
  void backward(
      int layer,
      LayerWeights w,
      Activations a,
      Tensor d,
      boolean midWanted,
      Parameters gradient,
      Workspace work) {
    int rows = d.rows();
    Tensor act = null;
    if (LinearMath.needsInput(layer, LinearLayer.DOWN, gradient::has)) {
      act = work.ffn("act", rows); // (T, F)
      ops.swiGlu(a.gate(), a.up(), act);
    }
    Tensor dUp = work.ffn("up gradient", rows); // holds dAct first
    linear.backward(layer, LinearLayer.DOWN, w.down(), act, d, 0, dUp, gradient, work);
    Tensor dGate = work.ffn("gate gradient", rows);
    ops.swiGluGradient(a.gate(), a.up(), dUp, dGate, dUp);

    Tensor normed = null;
    if (LinearMath.needsInput(layer, LinearLayer.GATE, gradient::has)
        || LinearMath.needsInput(layer, LinearLayer.UP, gradient::has)) {
      normed = work.hidden("normed", rows); // (T, C)
      ops.rmsNorm(a.mid(), w.ffnNorm(), config.normEpsilon(), normed);
    }
    Tensor dGain = gradient.find(ParameterId.ffnNorm(layer));
    Tensor dNormed =
        midWanted || dGain != null ? work.hidden("normed gradient", rows) : null; // (T, C)
    linear.backward(layer, LinearLayer.GATE, w.gate(), normed, dGate, 0, dNormed, gradient, work);
    linear.backward(layer, LinearLayer.UP, w.up(), normed, dUp, 1, dNormed, gradient, work);
    if (dNormed != null) {
      // The residual's gradient is in d already.
      ops.rmsNormGradient(a.mid(), w.ffnNorm(), config.normEpsilon(), dNormed, d, dGain);
    }
  }
}
