package io.alchemist.model;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;

/**
 * What flows between the two halves of a layer's backward pass, for all rows of the pass: row i's own gradients in row i.
 *
 * @param queries (T, Q)
 * @param keys (T, G)
 * @param values (T, G)
 */
public record AttentionGradients(Tensor queries, Tensor keys, Tensor values)
    implements AutoCloseable {

  /** For {@code rows} rows; the caller closes them. */
  public static AttentionGradients allocate(MemoryScope scope, ModelConfig config, int rows) {
    return new AttentionGradients(
        scope.allocate("gradient of queries", DType.F32, rows, config.queryDim()),
        scope.allocate("gradient of keys", DType.F32, rows, config.kvDim()),
        scope.allocate("gradient of values", DType.F32, rows, config.kvDim()));
  }

  @Override
  public void close() {
    queries.close();
    keys.close();
    values.close();
  }
}
