package io.alchemist.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A back end with a scope for one test: makes tensors from numbers and closes them all; fails on what leaked. */
final class Device implements AutoCloseable {
  final Ops ops;
  final Random random;
  final MemoryScope scope;
  private final List<AutoCloseable> open = new ArrayList<>();

  Device(Ops ops, long seed) {
    this.ops = ops;
    this.random = new Random(seed);
    this.scope = ops.memory().child("test");
  }

  Tensor floats(int rows, int cols, float... values) {
    Tensor tensor = own(scope.allocate("floats", DType.F32, rows, cols));
    ops.upload(values, tensor);
    return tensor;
  }

  /** Normally distributed numbers. */
  Tensor normal(int rows, int cols) {
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return floats(rows, cols, values);
  }

  /** A tensor full of NaN, so a result that is read before it is written, or not written, shows. */
  Tensor undefined(int rows, int cols) {
    Tensor tensor = floats(rows, cols, new float[rows * cols]);
    ops.fill(tensor, Float.NaN);
    return tensor;
  }

  Tensor zeros(int rows, int cols) {
    return floats(rows, cols, new float[rows * cols]);
  }

  Tensor ints(int... values) {
    return intMatrix(1, values.length, values);
  }

  Tensor intMatrix(int rows, int cols, int... values) {
    Tensor tensor = own(scope.allocate("ints", DType.I32, rows, cols));
    ops.upload(values, tensor);
    return tensor;
  }

  Weight pack(Tensor matrix) {
    Weight weight = unpacked(matrix.rows(), matrix.cols());
    ops.pack(matrix, weight);
    return weight;
  }

  Weight unpacked(int outputs, int inputs) {
    Weight weight = ops.weight(outputs, inputs, scope, "weight");
    open.add(weight);
    return weight;
  }

  private Tensor own(Tensor tensor) {
    open.add(tensor);
    return tensor;
  }

  /** The elements in float64. */
  double[] read(Tensor tensor) {
    return doubles(ops.read(tensor));
  }

  static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  @Override
  public void close() {
    for (AutoCloseable resource : open) {
      try {
        resource.close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    scope.close();
  }
}
