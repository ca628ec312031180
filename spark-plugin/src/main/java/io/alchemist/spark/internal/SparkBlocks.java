package io.alchemist.spark.internal;

import io.alchemist.tensor.HostBuffer;
import java.nio.ByteBuffer;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskContext$;
import org.apache.spark.memory.MemoryManager;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockInfoManager;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.storage.DiskStore;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.storage.memory.MemoryStore;
import org.apache.spark.util.io.ChunkedByteBuffer;
import scala.Option;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.util.Right;

/**
 * The block manager of this JVM, in the few verbs that a tier of host memory needs. Thread-safe. All locks are taken outside
 * of any task, whatever the calling thread runs, so that no task's end gives them back. Every method may wait for Spark's memory
 * lock, under which Spark writes evicted blocks to disk, except where it says so.
 */
final class SparkBlocks {
  private static final ClassTag<Object> TAG = ClassTag$.MODULE$.Object();
  /** Neither in memory nor on disk; off-heap says which of Spark's figures the bytes are taken from. */
  private static final StorageLevel GONE = StorageLevel.apply(false, false, true, false, 1);

  private final BlockManager manager;
  private final MemoryManager memory;
  private final MemoryStore memoryStore;
  private final DiskStore diskStore;
  private final BlockInfoManager locks;

  SparkBlocks(BlockManager manager) {
    this.manager = manager;
    this.memory = manager.memoryManager();
    this.memoryStore = manager.memoryStore();
    this.diskStore = manager.diskStore();
    this.locks = manager.blockInfoManager();
  }

  /** Off-heap bytes that a new block can have without anything being evicted. */
  long freeBytes() {
    return memory.maxOffHeapStorageMemory() - memory.offHeapStorageMemoryUsed();
  }

  /** Off-heap bytes that all blocks together can have, beside what queries use now. */
  long limitBytes() {
    return memory.maxOffHeapStorageMemory();
  }

  /**
   * Hands a block over; Spark may evict others' blocks for it, and write it to disk at once.
   *
   * @return false when it was not taken, e.g. because this executor is being decommissioned
   */
  boolean put(BlockId id, HostBytes bytes, StorageLevel level) {
    return manager.decommissioner().isEmpty()
        && outsideTask(() -> manager.putBytes(id, bytes, level, true, TAG));
  }

  /** Whether these very bytes are in memory; counts as a use of the block. Doesn't wait for the memory lock. */
  boolean holds(BlockId id, HostBytes bytes) {
    Option<ChunkedByteBuffer> held = memoryStore.getBytes(id);
    return held.isDefined() && held.get() == bytes;
  }

  /**
   * Keeps a block where it is until {@link #unlock}; waits while it is being moved, for no memory lock.
   *
   * @return false when it is gone
   */
  boolean lockForReading(BlockId id) {
    return outsideTask(() -> locks.lockForReading(id, true).isDefined());
  }

  /** Ends {@link #lockForReading}. Doesn't wait. */
  void unlock(BlockId id) {
    outsideTask(() -> {
      locks.unlock(id, Option.empty());
      return true;
    });
  }

  /**
   * Reads a block from disk, locked for reading.
   *
   * @return false when the disk doesn't have all of it
   */
  boolean read(BlockId id, HostBuffer to) {
    if (!diskStore.contains(id) || diskStore.getSize(id) != to.sizeBytes()) {
      return false;
    }
    ByteBuffer bytes = to.bytes();
    diskStore.getBytes(id).toChunkedByteBuffer(size -> bytes);
    return true;
  }

  /**
   * Takes a block out of memory, to disk if its level says so.
   *
   * @return false when it is locked
   */
  boolean evict(BlockId id, HostBytes bytes) {
    return outsideTask(() -> {
      if (locks.lockForWriting(id, false).isEmpty()) {
        return false;
      }
      boolean gone = false;
      try {
        if (memoryStore.contains(id)) {
          gone = !manager.dropFromMemory(id, () -> new Right<>(bytes), TAG).isValid();
        }
      } finally {
        if (gone) {
          locks.removeBlock(id);
        } else {
          locks.unlock(id, Option.empty());
        }
      }
      return true;
    });
  }

  /**
   * Removes a block from memory and disk, when it is not locked any more. Does nothing when it is gone.
   *
   * <p>{@link BlockManager#removeBlock} reports the removal with the flags of the level it had, which Spark's UI takes for an
   * addition; so the steps are taken here and reported as what they are.
   */
  void remove(BlockId id) {
    outsideTask(() -> {
      if (locks.lockForWriting(id, true).isEmpty()) {
        return false;
      }
      long memoryBytes = memoryStore.contains(id) ? memoryStore.getSize(id) : 0;
      long diskBytes = diskStore.contains(id) ? diskStore.getSize(id) : 0;
      try {
        memoryStore.remove(id);
        diskStore.remove(id);
      } finally {
        locks.removeBlock(id);
      }
      manager.reportBlockStatus(id, new BlockStatus(GONE, memoryBytes, diskBytes), 0);
      return true;
    });
  }

  /**
   * Books bytes that are no block, for as long as they are in use; where there is room, nothing is evicted for them.
   *
   * @param id of the block that they are a copy of
   * @return whether they were booked, and must be given back
   */
  boolean claim(BlockId id, long sizeBytes) {
    return freeBytes() >= sizeBytes
        && memory.acquireStorageMemory(id, sizeBytes, MemoryMode.OFF_HEAP);
  }

  /** Ends {@link #claim}. */
  void giveBack(long sizeBytes) {
    memory.releaseStorageMemory(sizeBytes, MemoryMode.OFF_HEAP);
  }

  private static <T> T outsideTask(Supplier<T> action) {
    TaskContext task = TaskContext.get();
    if (task == null) {
      return action.get();
    }
    TaskContext$.MODULE$.unset();
    try {
      return action.get();
    } finally {
      TaskContext$.MODULE$.setTaskContext(task);
    }
  }
}
