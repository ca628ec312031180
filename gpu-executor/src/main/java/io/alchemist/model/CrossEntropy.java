package io.alchemist.model;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Parameters;
import org.jspecify.annotations.Nullable;

/**
 * The weighted negative log-likelihood of target tokens, sum over rows of weight · -log softmax(h Wᵀ)[target], and its
 * gradient. Logits exist for a block of rows and a chunk of the vocabulary at a time. Where one chunk holds the whole vocabulary the
 * logits are computed once, else a second time for the gradient, once the softmax's sum is known.
 */
public final class CrossEntropy implements AutoCloseable {
  private static final int MIN_ROWS = 64;
  private final Ops ops;
  private final MemoryScope scope;
  private final Tensor logits;
  private final int maxLogits;

  /**
   * Allocates room for logits.
   *
   * @param maxLogits the most logits held at once, at least {@link Weight#SLICE_STEP}
   * @throws IllegalArgumentException when there are fewer
   */
  public CrossEntropy(Ops ops, MemoryScope parent, int maxLogits) {
    if (maxLogits < Weight.SLICE_STEP) {
      throw new IllegalArgumentException("The loss is computed for " + Weight.SLICE_STEP
          + " tokens of the vocabulary at least, but may hold only " + maxLogits
          + " logits. Raise maxLogits.");
    }
    this.ops = ops;
    this.scope = parent.child("cross entropy");
    this.maxLogits = maxLogits;
    this.logits = scope.allocate("logits", DType.F32, 1, maxLogits);
  }

  /**
   * The loss of some rows.
   *
   * @param h hidden states after the last norm (T, C)
   * @param head output layer (V, C)
   * @param targets I32 (1, T)
   * @param weights F32 (1, T)
   * @param nll F32 (1, T), written: the unweighted negative log-likelihood of each row's target
   * @param dH (T, C), written: the gradient for h
   * @param gradient receives the output layer's gradient where it is trained
   * @param headId under which parameter: HEAD, or EMBEDDING where the two are tied
   */
  public void lossAndGradient(
      Tensor h,
      Weight head,
      Tensor targets,
      Tensor weights,
      Tensor nll,
      Tensor dH,
      Parameters gradient,
      ParameterId headId) {
    Blocks blocks = blocks(h.rows(), head.outputs());
    Tensor dHead = gradient.find(headId);
    for (int row = 0; row < h.rows(); row += blocks.rows()) {
      int rows = Math.min(blocks.rows(), h.rows() - row);
      block(
          h.rows(row, rows),
          head,
          targets.view(row, 1, rows),
          weights.view(row, 1, rows),
          nll.view(row, 1, rows),
          dH.rows(row, rows),
          dHead,
          blocks.chunk());
    }
  }

  /**
   * The loss of some rows, without its gradient.
   *
   * @param h hidden states after the last norm (T, C)
   * @param head output layer (V, C)
   * @param targets I32 (1, T)
   * @param nll F32 (1, T), written: the negative log-likelihood of each row's target
   */
  public void loss(Tensor h, Weight head, Tensor targets, Tensor nll) {
    Blocks blocks = blocks(h.rows(), head.outputs());
    for (int row = 0; row < h.rows(); row += blocks.rows()) {
      int rows = Math.min(blocks.rows(), h.rows() - row);
      Tensor blockNll = nll.view(row, 1, rows);
      try (Tensor targetLogit = scope.allocate("target logit", DType.F32, 1, rows)) {
        statistics(
            h.rows(row, rows),
            head,
            targets.view(row, 1, rows),
            blockNll,
            targetLogit,
            blocks.chunk());
        ops.add(-1, targetLogit, blockNll);
      }
    }
  }

  /** How the logits are cut: so many rows, and of these so many tokens of the vocabulary, at a time. */
  private record Blocks(int rows, int chunk) {}

  private Blocks blocks(int rows, int vocabulary) {
    int blockRows = Math.max(1, Math.min(rows, Math.max(MIN_ROWS, maxLogits / vocabulary)));
    int chunk = Math.min(vocabulary, maxLogits / blockRows);
    if (chunk < vocabulary) {
      chunk = Math.max(Weight.SLICE_STEP, chunk / Weight.SLICE_STEP * Weight.SLICE_STEP);
      blockRows = Math.min(blockRows, Math.max(1, maxLogits / chunk));
    }
    return new Blocks(blockRows, chunk);
  }

  private void statistics(
      Tensor h, Weight head, Tensor targets, Tensor logSumExp, Tensor targetLogit, int chunk) {
    ops.fill(logSumExp, Float.NEGATIVE_INFINITY);
    for (int first = 0; first < head.outputs(); first += chunk) {
      Tensor z = chunkLogits(h, head, first, chunk);
      ops.softmaxStatistics(z, first, targets, logSumExp, targetLogit);
    }
  }

  private void block(
      Tensor h,
      Weight head,
      Tensor targets,
      Tensor weights,
      Tensor nll,
      Tensor dH,
      @Nullable Tensor dHead,
      int chunk) {
    int vocabulary = head.outputs();
    Tensor logSumExp = nll; // becomes logSumExp - targetLogit at the end
    try (Tensor targetLogit = scope.allocate("target logit", DType.F32, 1, h.rows())) {
      statistics(h, head, targets, logSumExp, targetLogit, chunk);
      boolean again = chunk < vocabulary;
      for (int first = 0; first < vocabulary; first += chunk) {
        int count = Math.min(chunk, vocabulary - first);
        Tensor z = again ? chunkLogits(h, head, first, chunk) : logits.view(0, h.rows(), count);
        ops.softmaxGradient(z, first, targets, weights, logSumExp); // dz
        ops.matmulInputGradient(
            1, z, head.slice(first, count), first == 0 ? 0 : 1, dH); // dH += dz W
        if (dHead != null) {
          ops.matmulWeightGradient(1, z, h, dHead.rows(first, count)); // dW += dzᵀ h
        }
      }
      ops.add(-1, targetLogit, nll);
    }
  }

  private Tensor chunkLogits(Tensor h, Weight head, int first, int chunk) {
    int count = Math.min(chunk, head.outputs() - first);
    Tensor z = logits.view(0, h.rows(), count);
    ops.matmul(1, h, head.slice(first, count), 0, z);
    return z;
  }

  @Override
  public void close() {
    logits.close();
    scope.close();
  }
}
