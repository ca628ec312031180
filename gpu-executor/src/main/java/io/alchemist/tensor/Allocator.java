package io.alchemist.tensor;

/** How a back end gets and frees blocks of device memory. Thread-safe. */
public interface Allocator {

  /**
   * Gets a block whose contents are undefined. Freed blocks should be kept for reuse, so that a block wanted in every step
   * costs next to nothing.
   *
   * @throws DeviceMemoryException when the device or the process has no such block
   */
  Storage allocate(long sizeBytes);

  /** Takes a block back; work already queued on it still runs first. */
  void free(Storage storage);
}
