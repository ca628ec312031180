package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** The elements of an F32 tensor, by index from its first one. */
record Floats(CpuBlock block, int base) {

  static Floats of(Tensor tensor) {
    return new Floats((CpuBlock) tensor.storage(), (int) (tensor.offsetBytes() / Float.BYTES));
  }

  private FloatBuffer buffer() {
    return block.floats();
  }

  float at(int index) {
    return buffer().get(base + index);
  }

  void set(int index, float value) {
    buffer().put(base + index, value);
  }

  /** Copies {@code count} elements from {@code index} to an array. */
  void load(int index, float[] to, int toOffset, int count) {
    buffer().get(base + index, to, toOffset, count);
  }

  /** Copies {@code count} elements of an array to {@code index}. */
  void store(int index, float[] from, int fromOffset, int count) {
    buffer().put(base + index, from, fromOffset, count);
  }

  /** Copies {@code count} elements of another tensor. */
  void store(int index, Floats from, int fromIndex, int count) {
    buffer().put(base + index, from.buffer(), from.base + fromIndex, count);
  }

  ByteBuffer bytes() {
    return block.bytes();
  }

  /** Where an element lies in {@link #bytes}. */
  int byteOffset(int index) {
    return (base + index) * Float.BYTES;
  }
}
