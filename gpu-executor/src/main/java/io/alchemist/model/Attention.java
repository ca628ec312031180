package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LayerWeights;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import java.util.List;
import java.util.Set;

/** The first half of a decoder layer: mid = x + O(attention(rope(Q n), rope(K n), V n)), n = norm(x). */
final class Attention {
  private final Ops ops;
  private final ModelConfig config;
  private final LinearMath linear;
  private final Tensor rope;

  /**
   * Over an angle table it does not own.
   *
   * @param rope F32 (positions, head width): cosines, then sines
   */
  Attention(Ops ops, ModelConfig config, Tensor rope) {
    this.ops = ops;
    this.config = config;
    this.linear = new LinearMath(ops);
    this.rope = rope;
  }

  /**
   * Reads {@code a.x} of all rows, writes the keys and values of all, and of the active ones {@code a.q}, {@code a.attended},
   * {@code a.logSumExp} and {@code a.mid}.
   */
  void forward(
      LayerWeights w,
      ForwardBatch batch,
      Activations a,
      Tensor keys,
      Tensor values,
      Workspace work) {
    int rows = batch.rows();
    Tensor normed = work.hidden("normed", rows); // (T, C)
    ops.rmsNorm(a.x(), w.attentionNorm(), config.normEpsilon(), normed);
    Tensor k = work.keys("k", rows); // (T, G)
    linear.forward(w.k(), normed, 0, k, work);
    ops.rope(k, batch.positions(), rope);
    ops.scatterRows(k, batch.slots(), keys);
    Tensor v = work.keys("v", rows); // (T, G)
    linear.forward(w.v(), normed, 0, v, work);
    ops.scatterRows(v, batch.slots(), values);

    int active = batch.activeRows();
    Activations out = active == rows ? a : a.rows(0, active);
    linear.forward(w.q(), normed.rows(0, active), 0, out.q(), work); // (A, Q)
    ops.rope(out.q(), batch.positions().view(0, 1, active), rope);
    ops.attention(
        out.q(),
        keys,
        values,
        batch.attention(),
        config.headDim(),
        out.attended(),
        out.logSumExp());
    ops.copy(out.x(), out.mid());
    linear.forward(w.o(), out.attended(), 1, out.mid(), work); // mid = x + O(attended)
  }

  /**
   * Writes queries, attention's output and mid where they are missing, as {@link #forward} does.
   *
   * @param positions I32 (1, rows of the block)
   * @param a what was kept, and tensors for what is missing
   * @param keys of every position that a row of the block sees (slots, G)
   * @param values likewise
   */
  void restore(
      LayerWeights w,
      RowBlock block,
      Tensor positions,
      Set<Field> missing,
      Activations a,
      Tensor keys,
      Tensor values,
      Workspace work) {
    if (missing.contains(Field.Q)) {
      Tensor normed = work.hidden("normed", block.rows()); // (T, C)
      ops.rmsNorm(a.x(), w.attentionNorm(), config.normEpsilon(), normed);
      linear.forward(w.q(), normed, 0, a.q(), work); // (T, Q)
      ops.rope(a.q(), positions, rope);
    }
    RaggedBatch sees = block.attention();
    if (missing.contains(Field.ATTENDED) && sees != null) {
      ops.attention(a.q(), keys, values, sees, config.headDim(), a.attended(), a.logSumExp());
    }
    if (missing.contains(Field.MID)) {
      ops.copy(a.x(), a.mid());
      linear.forward(w.o(), a.attended(), 1, a.mid(), work); // mid = x + O(attended)
    }
  }

  /**
   * Turns the gradient of mid into that of x, in place.
   *
   * @param saved activations of each block of {@code batch}
   * @param d (T, C); zero in rows from A on
   * @param keys of every position that a row sees (slots, G)
   * @param values likewise
   * @param inputWanted whether the gradient of x is wanted; if not, d is left as it is
   */
  void backward(
      int layer,
      LayerWeights w,
      BackwardBatch batch,
      List<Activations> saved,
      Tensor d,
      Tensor keys,
      Tensor values,
      boolean inputWanted,
      ParameterSet gradient,
      Workspace work) {
    int rows = batch.rows();
    int active = batch.activeRows();
    Tensor dGain = gradient.find(ParameterId.attentionNorm(layer));
    boolean projectionsTrained = LinearMath.needsInput(layer, LinearLayer.Q, gradient.ids())
        || LinearMath.needsInput(layer, LinearLayer.K, gradient.ids())
        || LinearMath.needsInput(layer, LinearLayer.V, gradient.ids());
    boolean normedGradientWanted = inputWanted || dGain != null;
    boolean below = normedGradientWanted || projectionsTrained;

    Tensor attended = LinearMath.needsInput(layer, LinearLayer.O, gradient.ids())
        ? attended(batch, saved, work)
        : null;
    Tensor dAttended = below ? work.queries("attended gradient", active) : null; // (A, Q)
    linear.backward(
        layer, LinearLayer.O, w.o(), attended, d.rows(0, active), 0, dAttended, gradient, work);
    if (dAttended == null) {
      return;
    }

    Tensor dQ = work.queries("q gradient", active); // (A, Q)
    Tensor dK = work.keys("k gradient", rows); // (T, G)
    Tensor dV = work.keys("v gradient", rows); // (T, G)
    ops.fill(dK, 0);
    ops.fill(dV, 0);
    for (int i = 0; i < batch.blocks().size(); i++) {
      RowBlock block = batch.blocks().get(i);
      RaggedBatch sees = block.attention();
      if (sees != null) {
        Activations a = saved.get(i);
        ops.attentionGradient(
            a.q(),
            keys,
            values,
            sees,
            config.headDim(),
            a.attended(),
            a.logSumExp(),
            dAttended.rows(block.firstRow(), block.rows()),
            dQ.rows(block.firstRow(), block.rows()),
            dK,
            dV);
      }
    }
    ops.ropeGradient(dQ, batch.positions().view(0, 1, active), rope);
    ops.ropeGradient(dK, batch.positions(), rope);

    Tensor normed = projectionsTrained ? normed(w, batch, saved, work) : null;
    Tensor normedActive = normed == null ? null : normed.rows(0, active);
    Tensor dNormed = normedGradientWanted ? work.hidden("normed gradient", rows) : null; // (T, C)
    Tensor dNormedActive = dNormed == null ? null : dNormed.rows(0, active);
    linear.backward(layer, LinearLayer.K, w.k(), normed, dK, 0, dNormed, gradient, work);
    linear.backward(layer, LinearLayer.V, w.v(), normed, dV, 1, dNormed, gradient, work);
    linear.backward(
        layer, LinearLayer.Q, w.q(), normedActive, dQ, 1, dNormedActive, gradient, work);
    if (dNormed == null) {
      return;
    }
    for (int i = 0; i < batch.blocks().size(); i++) {
      RowBlock block = batch.blocks().get(i);
      ops.rmsNormGradient(
          saved.get(i).x(),
          w.attentionNorm(),
          config.normEpsilon(),
          dNormed.rows(block.firstRow(), block.rows()),
          d.rows(block.firstRow(), block.rows()), // the residual's gradient is there already
          dGain);
    }
  }

  /** attention's output of all active rows together (A, Q). */
  private Tensor attended(BackwardBatch batch, List<Activations> saved, Workspace work) {
    if (batch.blocks().get(0).rows() == batch.activeRows()) {
      return saved.get(0).attended();
    }
    Tensor all = work.queries("attended", batch.activeRows());
    for (int i = 0; i < batch.blocks().size(); i++) {
      RowBlock block = batch.blocks().get(i);
      if (block.attention() != null) {
        ops.copy(saved.get(i).attended(), all.rows(block.firstRow(), block.rows()));
      }
    }
    return all;
  }

  /** norm(x) of all rows together (T, C). */
  private Tensor normed(
      LayerWeights w, BackwardBatch batch, List<Activations> saved, Workspace work) {
    Tensor normed = work.hidden("normed", batch.rows());
    for (int i = 0; i < batch.blocks().size(); i++) {
      RowBlock block = batch.blocks().get(i);
      ops.rmsNorm(
          saved.get(i).x(),
          w.attentionNorm(),
          config.normEpsilon(),
          normed.rows(block.firstRow(), block.rows()));
    }
    return normed;
  }
}
