package io.alchemist.files;

import java.nio.FloatBuffer;

/** Reads ranges of stored tensors, in chunks through buffers that it owns, and checks that they are finite. One thread. */
final class TensorReader {
  /** Elements decoded at a time: a multiple of every block, small enough to stay in the second-level cache. */
  private static final int CHUNK = 1 << 15;

  private static final int INFINITY_BITS = 0x7f800000;

  private final byte[] bytes = new byte[CHUNK * Double.BYTES];
  private final float[] values = new float[CHUNK];

  /**
   * Fills {@code into} with the elements that start at {@code offset}.
   *
   * @throws IllegalArgumentException when the tensor ends before
   * @throws ModelFileException when an element is not finite, or the file was cut short since it was opened
   */
  void read(StoredTensor tensor, long offset, FloatBuffer into) {
    checkRange(tensor, offset, into.remaining());
    ElementType type = tensor.type();
    int blockElements = type.blockElements();
    long next = offset;
    while (into.hasRemaining()) {
      long block = next / blockElements;
      int skip = (int) (next % blockElements);
      int count = Math.min(CHUNK - skip, into.remaining());
      int blocks = (skip + count + blockElements - 1) / blockElements;
      tensor
          .file()
          .read(tensor.position() + block * type.blockBytes(), bytes, blocks * type.blockBytes());
      type.decode(bytes, values, blocks);
      checkFinite(tensor, next, skip, count);
      into.put(values, skip, count);
      next += count;
    }
  }

  /** @throws IllegalArgumentException when the tensor has no such range */
  static void checkRange(StoredTensor tensor, long offset, int count) {
    long elements = tensor.elements();
    if (offset < 0 || offset > elements - count) {
      throw new IllegalArgumentException(tensor.name()
          + " has "
          + elements
          + " elements: "
          + count
          + " from "
          + offset
          + " on are not in it. Ask for a range inside the weight.");
    }
  }

  private void checkFinite(StoredTensor tensor, long offset, int from, int count) {
    int largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(values[i]) & 0x7fffffff);
    }
    if (largest < INFINITY_BITS) {
      return;
    }
    int i = from;
    while (Float.isFinite(values[i])) {
      i++;
    }
    throw new ModelFileException(
        tensor.file().path(),
        "element " + (offset + i - from) + " of " + tensor.name() + " is " + values[i],
        "one weight that is not finite makes every output NaN",
        "Use a checkpoint from before training diverged, or fetch the file again");
  }
}
