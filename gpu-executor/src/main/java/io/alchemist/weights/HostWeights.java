package io.alchemist.weights;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.nio.FloatBuffer;

/** Brings weights from a source to the device, in bounded pieces. */
final class HostWeights {
  private static final int PIECE = 1 << 20;

  private HostWeights() {}

  /** Some rows of a weight as an F32 tensor, which the caller closes. */
  static Tensor read(Ops ops, MemoryScope scope, WeightSource source, ParameterPart part) {
    Tensor tensor = scope.allocate(part.id().toString(), DType.F32, part.rows(), part.cols());
    try {
      readInto(ops, source, part.id(), (long) part.firstRow() * part.cols(), tensor);
      return tensor;
    } catch (RuntimeException e) {
      tensor.close();
      throw e;
    }
  }

  /** One weight into a tensor of its shape. */
  static void readInto(Ops ops, WeightSource source, ParameterId id, Tensor tensor) {
    readInto(ops, source, id, 0, tensor);
  }

  private static void readInto(
      Ops ops, WeightSource source, ParameterId id, long from, Tensor tensor) {
    for (long at = 0; at < tensor.elements(); at += PIECE) {
      int count = (int) Math.min(PIECE, tensor.elements() - at);
      float[] piece = new float[count];
      source.read(id.checkpointName(), from + at, FloatBuffer.wrap(piece));
      ops.upload(piece, tensor.view(at, 1, count));
    }
  }
}
