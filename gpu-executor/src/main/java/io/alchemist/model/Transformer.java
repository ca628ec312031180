package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LayerWeights;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
import io.alchemist.weights.WeightSet;
import java.util.Set;

/**
 * A decoder-only transformer of the Llama family (Touvron et al. 2023, arXiv 2302.13971), layer by layer, both directions.
 * Holds no weights and no state of a pass: callers own the loop, so that they can stop after any layer. Engine thread.
 */
public final class Transformer implements AutoCloseable {
  private final Ops ops;
  private final ModelConfig config;
  private final MemoryScope scope;
  private final Tensor rope;
  private final Attention attention;
  private final FeedForward feedForward;

  public Transformer(Ops ops, MemoryScope parent, ModelConfig config) {
    this.ops = ops;
    this.config = config;
    this.scope = parent.child("rotary table");
    this.rope =
        scope.allocate("cosines and sines", DType.F32, config.maxPositions(), config.headDim());
    ops.upload(angles(config), rope);
    this.attention = new Attention(ops, config, rope);
    this.feedForward = new FeedForward(ops, config);
  }

  private static float[] angles(ModelConfig config) {
    double[] frequencies = config.rope().frequencies(config.headDim());
    int half = frequencies.length;
    float[] table = new float[config.maxPositions() * 2 * half];
    for (int position = 0; position < config.maxPositions(); position++) {
      for (int i = 0; i < half; i++) {
        double angle = position * frequencies[i];
        table[position * 2 * half + i] = (float) Math.cos(angle);
        table[position * 2 * half + half + i] = (float) Math.sin(angle);
      }
    }
    return table;
  }

  public ModelConfig config() {
    return config;
  }

  /** The first layer's input: x = table[ids]. ids I32 (1, T), x (T, C). */
  public void embed(WeightSet weights, Tensor ids, Tensor x) {
    ops.embed(weights.embedding(), ids, x);
  }

  /**
   * One layer forward.
   *
   * @param a {@code a.x} (T, C) is read; the other activations of the active rows are written
   * @param kv the keys and values of earlier positions are read, those of the rows written
   * @param y (A, C), written: the input of the next layer
   */
  public void forward(
      int layer,
      WeightSet weights,
      ForwardBatch batch,
      Activations a,
      KeyValues kv,
      Tensor y,
      Workspace work) {
    LayerWeights w = weights.layer(layer);
    attention.forward(w, batch, a, kv.keys(layer), kv.values(layer), work);
    feedForward.forward(
        w, batch.activeRows() == batch.rows() ? a : a.rows(0, batch.activeRows()), y, work);
  }

  /** h = the last norm of x. Both (T, C). */
  public void finalNorm(WeightSet weights, Tensor x, Tensor h) {
    ops.rmsNorm(x, weights.finalNorm(), config.normEpsilon(), h);
  }

  /** z = h Wᵀ. h (T, C), z (T, V). */
  public void logits(WeightSet weights, Tensor h, Tensor z) {
    ops.matmul(1, h, weights.head(), 0, z);
  }

  /** dx += the gradient of {@link #finalNorm}. All (T, C). */
  public void finalNormBackward(
      WeightSet weights, Tensor x, Tensor dh, Tensor dx, Parameters gradient) {
    ops.rmsNormGradient(
        x,
        weights.finalNorm(),
        config.normEpsilon(),
        dh,
        dx,
        gradient.find(ParameterId.FINAL_NORM));
  }

  /** Makes ready for the backward pass of a layer. */
  public void beginBackward(AttentionGradients gradients) {
    ops.fill(gradients.keys(), 0);
    ops.fill(gradients.values(), 0);
  }

  /**
   * The first half of one layer's backward, for one block of rows that have a gradient on their output: through the feed-forward
   * block and attention. It runs for all such blocks, in any order, before {@link #backwardInput}.
   *
   * @param needs of the layer
   * @param a activations of the block, as {@code needs} says
   * @param kv keys and values of all rows, row i's own in slot i
   * @param d (T, C) of the block's rows: the gradient of the layer's output becomes that of the residual after attention
   * @param into of all rows
   * @param gradient what is in it is added to
   */
  public void backwardOutput(
      int layer,
      WeightSet weights,
      BackwardNeeds needs,
      RowBlock block,
      Activations a,
      KeyValues kv,
      Tensor d,
      AttentionGradients into,
      Parameters gradient,
      Workspace work) {
    LayerWeights w = weights.layer(layer);
    feedForward.backward(layer, w, a, d, needs.mid(), gradient, work);
    if (needs.mid()) {
      attention.backwardOutput(
          layer, w, block, a, d, kv.keys(layer), kv.values(layer), needs, into, gradient, work);
    }
  }

  /**
   * The second half of one layer's backward, for one block of any rows: through the projections to queries, keys and values.
   *
   * @param needs of the layer
   * @param positions I32 (1, rows of the block)
   * @param a activations of the block, of which the input is read
   * @param d (T, C) of the block's rows: the gradient of the residual after attention, 0 where the output has none, becomes that
   *     of the layer's input; where nothing below is trained, it is left undefined
   * @param from what {@link #backwardOutput} left
   * @param gradient what is in it is added to
   */
  public void backwardInput(
      int layer,
      WeightSet weights,
      BackwardNeeds needs,
      RowBlock block,
      Tensor positions,
      Activations a,
      Tensor d,
      AttentionGradients from,
      Parameters gradient,
      Workspace work) {
    if (needs.projections()) {
      attention.backwardInput(
          layer, weights.layer(layer), block, positions, a, d, needs, from, gradient, work);
    }
  }

  /**
   * Computes again what backward needs of a block of rows and what was not kept of it; the same numbers, bit by bit.
   *
   * @param block with its attention
   * @param positions I32 (1, rows of the block)
   * @param needed by {@link #backwardOutput}
   * @param kept what there is of the block
   * @param scratch receives what is missing; tensors for the block's rows
   * @param kv keys and values that the block's rows see
   * @return all that is needed, as views of {@code kept} and {@code scratch}
   */
  public Activations restore(
      int layer,
      WeightSet weights,
      RowBlock block,
      Tensor positions,
      Set<Field> needed,
      Activations kept,
      Activations scratch,
      KeyValues kv,
      Workspace work) {
    Set<Field> missing = BackwardNeeds.missing(needed, kept.kept());
    if (missing.isEmpty()) {
      return kept;
    }
    LayerWeights w = weights.layer(layer);
    Activations all = kept.or(scratch);
    attention.restore(w, block, positions, missing, all, kv.keys(layer), kv.values(layer), work);
    feedForward.restore(w, missing, all, work);
    return all;
  }

  /** Adds the gradient of {@link #embed}, where the table is trained. ids I32 (1, T), d (T, C). */
  public void embedBackward(Tensor ids, Tensor d, Parameters gradient) {
    Tensor table = gradient.find(ParameterId.EMBEDDING);
    if (table != null) {
      ops.embedGradient(ids, d, table);
    }
  }

  @Override
  public void close() {
    rope.close();
    scope.close();
  }
}
