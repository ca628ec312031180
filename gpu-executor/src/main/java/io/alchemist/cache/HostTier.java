package io.alchemist.cache;

import io.alchemist.tensor.HostBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Host memory, and what lies behind it, for blocks that left the device. A tier may drop a block at any time unless it is
 * held for reading: whoever reads must be ready for a miss. Thread-safe.
 */
public interface HostTier extends AutoCloseable {

  /**
   * Keeps a block and takes ownership of its buffer. May wait for a disk, so not for the engine thread.
   *
   * @param id never used before
   * @return false when there is no room; the buffer is closed all the same
   */
  boolean put(long id, HostBuffer block);

  /** Holds a block for reading; null when it is gone. May wait for a disk. */
  @Nullable
  HostBlock get(long id);

  /** Whether a block is there now. Never waits for a disk. */
  boolean has(long id);

  /** Whether a block has left memory, so that {@link #get} reads a disk. Never waits for it. */
  boolean isOnDisk(long id);

  /** Drops a block, when the last reader has closed it. Does nothing when it is gone. Never waits for a disk. */
  void remove(long id);

  /** Bytes of host memory in use. */
  long usedBytes();

  /** Bytes of disk in use. */
  long diskBytes();

  /** Whether it never keeps anything, so that copying to it is in vain. */
  default boolean isNone() {
    return false;
  }

  /** Drops everything. */
  @Override
  void close();

  /** A tier without room: what leaves the device is gone. */
  static HostTier none() {
    return new HostTier() {
      @Override
      public boolean put(long id, HostBuffer block) {
        block.close();
        return false;
      }

      @Override
      public @Nullable HostBlock get(long id) {
        return null;
      }

      @Override
      public boolean has(long id) {
        return false;
      }

      @Override
      public boolean isOnDisk(long id) {
        return false;
      }

      @Override
      public void remove(long id) {}

      @Override
      public long usedBytes() {
        return 0;
      }

      @Override
      public long diskBytes() {
        return 0;
      }

      @Override
      public boolean isNone() {
        return true;
      }

      @Override
      public void close() {}
    };
  }
}
