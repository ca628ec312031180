package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LayerWeights;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import java.util.List;
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
   * @param saved activations of each block of {@code batch}
   * @param d (T, C); its first A rows are read and written
   * @param midWanted whether the gradient of mid is wanted; if not, d is left as it is
   */
  void backward(
      int layer,
      LayerWeights w,
      BackwardBatch batch,
      List<Activations> saved,
      Tensor d,
      boolean midWanted,
      ParameterSet gradient,
      Workspace work) {
    int active = batch.activeRows();
    Tensor dy = d.rows(0, active); // (A, C)
    boolean downTrained = LinearMath.needsInput(layer, LinearLayer.DOWN, gradient.ids());
    boolean gateOrUpTrained = LinearMath.needsInput(layer, LinearLayer.GATE, gradient.ids())
        || LinearMath.needsInput(layer, LinearLayer.UP, gradient.ids());
    Tensor act = downTrained ? work.ffn("act", active) : null;
    Tensor normed = gateOrUpTrained ? work.hidden("normed", active) : null;
    forEachActive(batch, saved, (block, a) -> {
      if (act != null) {
        ops.swiGlu(a.gate(), a.up(), act.rows(block.firstRow(), block.rows()));
      }
      if (normed != null) {
        ops.rmsNorm(
            a.mid(),
            w.ffnNorm(),
            config.normEpsilon(),
            normed.rows(block.firstRow(), block.rows()));
      }
    });

    Tensor dUp = work.ffn("up gradient", active); // holds dAct first
    linear.backward(layer, LinearLayer.DOWN, w.down(), act, dy, 0, dUp, gradient, work);
    Tensor dGate = work.ffn("gate gradient", active);
    forEachActive(batch, saved, (block, a) -> {
      Tensor dAct = dUp.rows(block.firstRow(), block.rows());
      ops.swiGluGradient(a.gate(), a.up(), dAct, dGate.rows(block.firstRow(), block.rows()), dAct);
    });
    Tensor dGain = gradient.find(ParameterId.ffnNorm(layer));
    Tensor dNormed =
        midWanted || dGain != null ? work.hidden("normed gradient", active) : null; // (A, C)
    linear.backward(layer, LinearLayer.GATE, w.gate(), normed, dGate, 0, dNormed, gradient, work);
    linear.backward(layer, LinearLayer.UP, w.up(), normed, dUp, 1, dNormed, gradient, work);
    if (dNormed == null) {
      return;
    }
    forEachActive(
        batch,
        saved,
        (block, a) -> ops.rmsNormGradient(
            a.mid(),
            w.ffnNorm(),
            config.normEpsilon(),
            dNormed.rows(block.firstRow(), block.rows()),
            d.rows(block.firstRow(), block.rows()), // the residual's gradient is there already
            dGain));
  }

  private static void forEachActive(
      BackwardBatch batch, List<Activations> saved, BlockAction action) {
    for (int i = 0; i < batch.blocks().size(); i++) {
      RowBlock block = batch.blocks().get(i);
      if (block.attention() != null) {
        action.accept(block, saved.get(i));
      }
    }
  }

  private interface BlockAction {
    void accept(RowBlock block, Activations activations);
  }
}
