package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Storage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * A block of native memory, aligned to a cache line. The views are only read and written at absolute indices, so threads may
 * share them.
 */
final class CpuBlock implements Storage {
  /** Vectors that begin at a multiple of this never straddle two cache lines. */
  static final int ALIGNMENT = 64;

  private final ByteBuffer memory;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;
  private final IntBuffer ints;

  /** Zeroed memory; throws OutOfMemoryError as {@link ByteBuffer#allocateDirect} does. */
  CpuBlock(int sizeBytes) {
    memory = ByteBuffer.allocateDirect(sizeBytes + ALIGNMENT);
    bytes = memory.alignedSlice(ALIGNMENT).slice(0, sizeBytes).order(ByteOrder.nativeOrder());
    floats = bytes.asFloatBuffer();
    ints = bytes.asIntBuffer();
  }

  @Override
  public long sizeBytes() {
    return bytes.capacity();
  }

  ByteBuffer bytes() {
    return bytes;
  }

  FloatBuffer floats() {
    return floats;
  }

  IntBuffer ints() {
    return ints;
  }

  /** Gives the memory back to the system at once; the views must not be used any more. */
  void destroy() {
    NativeMemory.free(memory);
  }
}
