package io.alchemist.weights;

import io.alchemist.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** A matrix for each of some parameters. */
public interface Parameters {
  /** The matrix, or null when this parameter is not among them. */
  @Nullable
  Tensor find(ParameterId id);

  /** Whether this parameter is among them. */
  default boolean has(ParameterId id) {
    return find(id) != null;
  }
}
