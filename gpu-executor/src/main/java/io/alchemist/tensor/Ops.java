package io.alchemist.tensor;

import org.jspecify.annotations.Nullable;

/**
 * A back end: memory and the operations on it. Calls queue work in order and may return before it has run; a result is there
 * for the host once a {@link #fence} taken after it is done. All floating-point tensors of a call have one type, F32 or BF16;
 * sums are kept in float32. Shapes stand in the comments as (rows, cols): T tokens, K inputs, N outputs, H query heads, G
 * key/value heads, D head width, V vocabulary. Outputs don't overlap inputs unless the method says so.
 *
 * <p>A row of a result depends on that row's inputs only, bit by bit: not on what else is in the batch, nor how a batch is
 * cut. So chunked prefill, batching and recomputation all give the same numbers.
 *
 * <p>Wrong shapes or types throw {@link IllegalArgumentException} naming them. One thread, the engine's, calls everything but
 * {@link #memory}, {@link #hostBuffer} and {@link #copies}, which are thread-safe.
 */
public interface Ops extends AutoCloseable {

  /** One line for people: back end, device, threads, instruction set. */
  String description();

  /** The root of this device's memory. */
  MemoryScope memory();

  /** Host memory to copy from and to. */
  HostBuffer hostBuffer(long sizeBytes);

  /** The queue of copies beside this one. */
  CopyQueue copies();

  /** The point after all work queued so far. */
  Fence fence();

  /** Makes work queued from now on wait for {@code fence}. */
  void waitFor(Fence fence);

  // ---- moving data

  /** Queues a copy of host numbers into an I32 tensor of as many elements; the array may be changed after the call. */
  void upload(int[] from, Tensor to);

  /** Queues a copy of host numbers into a tensor of as many elements, rounded to its type; may be changed after the call. */
  void upload(float[] from, Tensor to);

  /** Waits for the work so far and copies a floating-point tensor to the host; for small results and tests. */
  float[] read(Tensor from);

  /** Waits for the work so far and copies an I32 tensor to the host; for small results and tests. */
  int[] readInts(Tensor from);

  /** Sets every element. */
  void fill(Tensor to, float value);

  /** to = from, same shape and type. */
  void copy(Tensor from, Tensor to);

  /** to[rows[i]] = from[i]. from (T, C), rows I32 (1, T) without repeats, to (R, C). */
  void scatterRows(Tensor from, Tensor rows, Tensor to);

  /** to[i] = from[rows[i]]. from (R, C), rows I32 (1, T), to (T, C). */
  void gatherRows(Tensor from, Tensor rows, Tensor to);

  // ---- linear layers

  /** Memory for a weight (N, K), undefined until it is packed. */
  Weight weight(int outputs, int inputs, MemoryScope scope, String label);

  /**
   * Lays out a row-major matrix (N, K) for {@link #matmul}.
   *
   * @param to a weight (N, K), or a slice of one that ends with it or at a multiple of {@link Weight#SLICE_STEP}
   */
  void pack(Tensor matrix, Weight to);

  /** Lays out a matrix as a new weight, whose memory is taken from {@code scope}. */
  default Weight pack(Tensor matrix, MemoryScope scope, String label) {
    Weight weight = weight(matrix.rows(), matrix.cols(), scope, label);
    try {
      pack(matrix, weight);
      return weight;
    } catch (RuntimeException e) {
      weight.close();
      throw e;
    }
  }

  /** y = alpha x wᵀ + beta y. x (T, K), w (N, K), y (T, N); beta is 0 or 1, and 0 does not read y. */
  void matmul(float alpha, Tensor x, Weight w, float beta, Tensor y);

  /** dx = alpha dy w + beta dx: the gradient of {@link #matmul} for its input. dy (T, N), w (N, K), dx (T, K). */
  void matmulInputGradient(float alpha, Tensor dy, Weight w, float beta, Tensor dx);

  /** dw += alpha dyᵀ x: the gradient for the weight, row-major. dy (T, N), x (T, K), dw F32 (N, K). */
  void matmulWeightGradient(float alpha, Tensor dy, Tensor x, Tensor dw);

  /** out[i] = row ids[i] of the table. table (V, C), ids I32 (1, T), out (T, C). */
  void embed(Weight table, Tensor ids, Tensor out);

  /** dTable[ids[i]] += dOut[i]. dOut (T, C), dTable F32 (V, C). */
  void embedGradient(Tensor ids, Tensor dOut, Tensor dTable);

  // ---- the other parts of a layer

  /** y = x / sqrt(mean(x²) + epsilon) · gain (Zhang and Sennrich 2019, arXiv 1910.07467). x, y (T, C), gain (1, C). */
  void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor y);

  /** dx += gradient of {@link #rmsNorm} for x; dGain F32 (1, C) += that for gain, unless null. x, dy, dx (T, C). */
  void rmsNormGradient(
      Tensor x, Tensor gain, float epsilon, Tensor dy, Tensor dx, @Nullable Tensor dGain);

  /**
   * Turns each pair (i, i + D/2) of each head by its position's angle, in place (Su et al. 2021, arXiv 2104.09864).
   *
   * @param x (T, heads · D)
   * @param positions I32 (1, T)
   * @param table F32 (positions, D): D/2 cosines, then D/2 sines
   */
  void rope(Tensor x, Tensor positions, Tensor table);

  /** The gradient of {@link #rope}, in place: turns the other way. */
  void ropeGradient(Tensor dx, Tensor positions, Tensor table);

  /**
   * Causal grouped-query attention over paged keys and values, softmax(q kᵀ / sqrt(D)) v, one pass with an online softmax
   * over key blocks aligned to position 0.
   *
   * @param q (T, H · D)
   * @param keys pool (slots, G · D)
   * @param values pool (slots, G · D)
   * @param headDim D
   * @param out (T, H · D)
   * @param logSumExp F32 (T, H): log of the softmax's sum, maximum included, which backward needs
   */
  void attention(
      Tensor q,
      Tensor keys,
      Tensor values,
      RaggedBatch batch,
      int headDim,
      Tensor out,
      Tensor logSumExp);

  /**
   * The gradient of {@link #attention} (Dao et al. 2022, arXiv 2205.14135, without the softmax sum, which is kept).
   *
   * @param out (T, H · D) what forward gave
   * @param logSumExp F32 (T, H) what forward gave
   * @param dOut (T, H · D)
   * @param dQ (T, H · D), written
   * @param dKeys F32 (R, G · D), accumulated at {@code batch.keyRows}
   * @param dValues F32 (R, G · D), accumulated at {@code batch.keyRows}
   */
  void attentionGradient(
      Tensor q,
      Tensor keys,
      Tensor values,
      RaggedBatch batch,
      int headDim,
      Tensor out,
      Tensor logSumExp,
      Tensor dOut,
      Tensor dQ,
      Tensor dKeys,
      Tensor dValues);

  /** out = silu(gate) · up, silu(z) = z / (1 + exp(-z)) (Shazeer 2020, arXiv 2002.05202). All (T, C). */
  void swiGlu(Tensor gate, Tensor up, Tensor out);

  /** dGate and dUp, written, from dOut. All (T, C). dGate or dUp may be dOut itself. */
  void swiGluGradient(Tensor gate, Tensor up, Tensor dOut, Tensor dGate, Tensor dUp);

  // ---- the loss, over the vocabulary in chunks

  /**
   * Takes one chunk of logits into the running log-sum-exp of each row, and the target's logit where it lies in the chunk.
   *
   * @param logits (T, C): those of tokens firstToken to firstToken + C
   * @param targets I32 (1, T)
   * @param logSumExp F32 (1, T), begins at -infinity
   * @param targetLogit F32 (1, T)
   */
  void softmaxStatistics(
      Tensor logits, int firstToken, Tensor targets, Tensor logSumExp, Tensor targetLogit);

  /** logits = weights[i] · (softmax - onehot(target)), in place: the gradient of the weighted negative log-likelihood. */
  void softmaxGradient(
      Tensor logits, int firstToken, Tensor targets, Tensor weights, Tensor logSumExp);

  // ---- sampling

  /**
   * Draws a token for each row of logits (R, V).
   *
   * @param settings one a row
   * @param ids I32 (1, R); -1 where the row holds a NaN
   * @param logProbs F32 (1, R): log-softmax of the logits as they are, at the drawn token
   */
  void sample(Tensor logits, Sampling[] settings, Tensor ids, Tensor logProbs);

  /** The n most likely tokens of each row, most likely first. logits (R, V), ids I32 (R, n), logProbs F32 (R, n). */
  void topLogProbs(Tensor logits, Tensor ids, Tensor logProbs);

  // ---- training

  /** y += alpha x, same shape. */
  void add(float alpha, Tensor x, Tensor y);

  /** out[0] += the sum of the squares of x's elements; out F32 (1, 1). Not finite where an element is not. */
  void addSquares(Tensor x, Tensor out);

  /** One AdamW update in place; all F32 of one shape. */
  void adamW(
      Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step);

  @Override
  void close();
}
