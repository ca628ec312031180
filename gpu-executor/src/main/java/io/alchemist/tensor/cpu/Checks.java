package io.alchemist.tensor.cpu;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;

/** Arguments of the verbs: a wrong shape or type is named with the verb, the argument and what was expected. */
final class Checks {
  private Checks() {}

  static void floats(String verb, String name, Tensor tensor) {
    type(verb, name, tensor, DType.F32);
  }

  static void floats(String verb, String name, Tensor tensor, int rows, int cols) {
    floats(verb, name, tensor);
    shape(verb, name, tensor, rows, cols);
  }

  static void ints(String verb, String name, Tensor tensor, int rows, int cols) {
    type(verb, name, tensor, DType.I32);
    shape(verb, name, tensor, rows, cols);
  }

  static void type(String verb, String name, Tensor tensor, DType type) {
    if (tensor.type() != type) {
      throw new IllegalArgumentException(verb + ": " + name + " is " + tensor + " but must be "
          + type + (tensor.type() == DType.BF16 ? "; the CPU back end works in F32" : ""));
    }
  }

  static void shape(String verb, String name, Tensor tensor, int rows, int cols) {
    if (tensor.rows() != rows || tensor.cols() != cols) {
      throw new IllegalArgumentException(verb + ": " + name + " is " + tensor
          + " but must have shape (" + rows + ", " + cols + ")");
    }
  }

  static void that(boolean holds, String verb, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(verb + ": " + otherwise);
    }
  }

  /** An element that numbers something: a token id, a row. */
  static int index(int value, int bound, String verb, String name) {
    if (value < 0 || value >= bound) {
      throw new IllegalArgumentException(
          verb + ": " + name + " holds " + value + ", which is not in [0, " + bound + ")");
    }
    return value;
  }
}
