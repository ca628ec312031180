package io.alchemist.model;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.HashMap;
import java.util.Map;

/**
 * Intermediate results of one layer that nobody keeps, for up to a number of rows. Each has a name and is allocated when first
 * asked for; asking again gives the same memory. Not shared between passes that interleave within a layer.
 */
public final class Workspace implements AutoCloseable {
  private final MemoryScope scope;
  private final int maxRows;
  private final ModelConfig config;
  private final Map<String, Tensor> tensors = new HashMap<>();

  public Workspace(MemoryScope parent, String name, ModelConfig config, int maxRows) {
    this.scope = parent.child(name);
    this.config = config;
    this.maxRows = maxRows;
  }

  /** (rows, C) */
  Tensor hidden(String name, int rows) {
    return tensor(name, rows, config.hiddenSize());
  }

  /** (rows, Q) */
  Tensor queries(String name, int rows) {
    return tensor(name, rows, config.queryDim());
  }

  /** (rows, G) */
  Tensor keys(String name, int rows) {
    return tensor(name, rows, config.kvDim());
  }

  /** (rows, F) */
  Tensor ffn(String name, int rows) {
    return tensor(name, rows, config.ffnSize());
  }

  /** The first {@code rows} rows of the tensor of that name and width. */
  Tensor tensor(String name, int rows, int cols) {
    if (rows > maxRows) {
      throw new IllegalArgumentException(rows + " rows, but this workspace holds " + maxRows);
    }
    Tensor tensor = tensors.get(name);
    if (tensor != null && tensor.cols() != cols) {
      tensor.close();
      tensor = null;
    }
    if (tensor == null) {
      tensor = scope.allocate(name, DType.F32, maxRows, cols);
      tensors.put(name, tensor);
    }
    return tensor.rows(0, rows);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
    scope.close();
  }
}
