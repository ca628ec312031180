package io.alchemist.tensor;

import java.nio.ByteBuffer;

/**
 * Host memory that a device copies from and to at full speed: page-locked where that matters. Native byte order. The owner
 * closes it when no copy that names it is under way.
 */
public interface HostBuffer extends AutoCloseable {

  /** A view of the bytes, position 0, limit at the end, native order. */
  ByteBuffer bytes();

  long sizeBytes();

  @Override
  void close();
}
