package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LayerWeights;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
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
   * From the gradient of mid to those of queries, keys and values after rotation. Keys and values of a position have a part of
   * their gradient from each row that sees it: they are complete when this has run for all.
   *
   * @param block the rows, with a gradient on their output
   * @param a activations of the rows
   * @param d (T, C): the gradient of mid, read
   * @param keys of every position that a row sees (slots, G)
   * @param values likewise
   * @param into queries' gradient is written, those of keys and values are added to; not touched where {@code needs} says so
   */
  void backwardOutput(
      int layer,
      LayerWeights w,
      RowBlock block,
      Activations a,
      Tensor d,
      Tensor keys,
      Tensor values,
      BackwardNeeds needs,
      AttentionGradients into,
      Parameters gradient,
      Workspace work) {
    Tensor attended =
        LinearMath.needsInput(layer, LinearLayer.O, gradient::has) ? a.attended() : null;
    Tensor dAttended =
        needs.projections() ? work.queries("attended gradient", block.rows()) : null; // (T, Q)
    linear.backward(layer, LinearLayer.O, w.o(), attended, d, 0, dAttended, gradient, work);
    RaggedBatch sees = block.attention();
    if (dAttended != null && sees != null) {
      ops.attentionGradient(
          a.q(),
          keys,
          values,
          sees,
          config.headDim(),
          a.attended(),
          a.logSumExp(),
          dAttended,
          into.queries().rows(block.firstRow(), block.rows()),
          into.keys(),
          into.values());
    }
  }

  /**
   * From the gradients of queries, keys and values to that of x, which is added to what comes down the residual.
   *
   * @param block the rows; those without attention have no gradient on their queries
   * @param positions I32 (1, rows of the block)
   * @param a activations of the rows, of which the input is read
   * @param d (T, C): the gradient of mid becomes that of x; left as it is where that is not wanted
   * @param from complete gradients; those of the block's rows are overwritten
   */
  void backwardInput(
      int layer,
      LayerWeights w,
      RowBlock block,
      Tensor positions,
      Activations a,
      Tensor d,
      BackwardNeeds needs,
      AttentionGradients from,
      Parameters gradient,
      Workspace work) {
    int rows = block.rows();
    Tensor dK = from.keys().rows(block.firstRow(), rows); // (T, G)
    Tensor dV = from.values().rows(block.firstRow(), rows); // (T, G)
    ops.ropeGradient(dK, positions, rope);
    Tensor normed = null;
    if (LinearMath.needsInput(layer, LinearLayer.Q, gradient::has)
        || LinearMath.needsInput(layer, LinearLayer.K, gradient::has)
        || LinearMath.needsInput(layer, LinearLayer.V, gradient::has)) {
      normed = work.hidden("normed", rows);
      ops.rmsNorm(a.x(), w.attentionNorm(), config.normEpsilon(), normed);
    }
    Tensor dGain = gradient.find(ParameterId.attentionNorm(layer));
    Tensor dNormed =
        needs.input() || dGain != null ? work.hidden("normed gradient", rows) : null; // (T, C)
    linear.backward(layer, LinearLayer.K, w.k(), normed, dK, 0, dNormed, gradient, work);
    linear.backward(layer, LinearLayer.V, w.v(), normed, dV, 1, dNormed, gradient, work);
    if (block.attention() != null) {
      Tensor dQ = from.queries().rows(block.firstRow(), rows); // (T, Q)
      ops.ropeGradient(dQ, positions, rope);
      linear.backward(layer, LinearLayer.Q, w.q(), normed, dQ, 1, dNormed, gradient, work);
    }
    if (dNormed != null) {
      // The residual's gradient is in d already.
      ops.rmsNormGradient(a.x(), w.attentionNorm(), config.normEpsilon(), dNormed, d, dGain);
    }
  }
}
