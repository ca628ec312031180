package io.alchemist.model;

import io.alchemist.tensor.Tensor;

/** Where the keys and values of each layer lie. */
public interface KeyValues {

  /** Keys after rotation (slots, G). */
  Tensor keys(int layer);

  /** Values (slots, G). */
  Tensor values(int layer);
}
