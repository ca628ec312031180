package io.alchemist.files;

import java.nio.FloatBuffer;
import java.util.List;

/**
 * A tensor in a file, whose extent was checked to lie inside it.
 *
 * @param name as the file spells it
 * @param shape rows first
 * @param position byte of its first element
 */
record StoredTensor(ByteFile file, String name, ElementType type, List<Long> shape, long position) {

  /** The number of elements of a shape; throws ArithmeticException beyond a long. */
  static long elements(List<Long> shape) {
    long elements = 1;
    for (long size : shape) {
      elements = Math.multiplyExact(elements, size);
    }
    return elements;
  }

  long elements() {
    return elements(shape);
  }

  /** Bytes it takes in the file. */
  long sizeBytes() {
    return type.sizeBytes(elements());
  }

  /** The whole tensor, for small ones. */
  float[] readAll(TensorReader reader) {
    float[] values = new float[Math.toIntExact(elements())];
    reader.read(this, 0, FloatBuffer.wrap(values));
    return values;
  }
}
