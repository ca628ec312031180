package io.alchemist.spark.internal;

import io.alchemist.tensor.HostBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import org.apache.spark.storage.RDDBlockId;
import org.jspecify.annotations.Nullable;

/**
 * What a tier knows of its blocks: which are where, who uses them, in what order they were used, how many bytes they are, and
 * what is left to do for those that nobody uses any more. A block is in memory, or on disk only, or removed.
 *
 * <p>Thread-safe: one lock, inside of which nothing waits, calls Spark, or closes a buffer, since Spark calls {@link Block}
 * while it holds locks of its own. Longer than most classes: everything that this lock guards is here.
 */
final class BlockTable {

  /** A block; its fields are guarded by the table's lock, but for the final ones. */
  final class Block implements HostBytes.Fate {
    final long id;
    final RDDBlockId sparkId;
    final long sizeBytes;
    final HostBuffer buffer;
    final HostBytes bytes;

    private int readers;
    /** A thread of the tier is putting or evicting it. */
    private boolean busy = true;
    /** Spark took it, and cleaned up after itself otherwise. */
    private boolean taken;
    /** Spark's memory holds the buffer, or is about to. */
    private boolean inMemory = true;
    /** Counted as on disk. */
    private boolean onDisk;
    /** No longer in the table. */
    private boolean removed;

    private boolean closing;
    private boolean removing;

    private Block(long id, RDDBlockId sparkId, HostBuffer buffer) {
      this.id = id;
      this.sparkId = sparkId;
      this.buffer = buffer;
      this.sizeBytes = buffer.sizeBytes();
      this.bytes = new HostBytes(buffer, this);
    }

    private boolean idle() {
      return !busy && readers == 0;
    }

    @Override
    public boolean writing() {
      synchronized (lock) {
        if (sizeBytes > maxDiskBytes - diskBytes) {
          return false;
        }
        diskBytes += sizeBytes;
        onDisk = true;
        return true;
      }
    }

    @Override
    public void writeFailed(Exception why) {
      synchronized (lock) {
        diskBytes -= sizeBytes;
        onDisk = false;
      }
      SparkHostTier.LOG.warn(
          "Spark could not write {} of {} bytes to disk; it is dropped", this, sizeBytes, why);
    }

    @Override
    public void dropped() {
      synchronized (lock) {
        if (!inMemory) {
          return;
        }
        if (!busy && !removed) {
          countSparksDoing(this);
        }
        leaveMemory(this);
        settle(this);
      }
      onWork.run();
    }

    @Override
    public String toString() {
      return "host block " + id + " (" + sparkId.name() + ")";
    }
  }

  private final BlockIndices indices;
  private final long maxHostBytes;
  private final long maxDiskBytes;
  private final Runnable onWork;

  private final Object lock = new Object();
  /** Least recently used first. */
  private final Map<Long, Block> memory = new LinkedHashMap<>(16, 0.75f, true);
  /** Likewise. */
  private final Map<Long, Block> disk = new LinkedHashMap<>(16, 0.75f, true);

  private final Queue<Block> toRemove = new ArrayDeque<>();
  private final Queue<Block> toClose = new ArrayDeque<>();
  private long usedBytes;
  private long diskBytes;
  private long spilledBlocks;
  private long spilledBytes;
  private long droppedBlocks;
  private long droppedBytes;
  private boolean spilledBySpark;
  private boolean closed;

  /**
   * @param onWork called, with Spark's locks held, when Spark has left something to do
   */
  BlockTable(BlockIndices indices, long maxHostBytes, long maxDiskBytes, Runnable onWork) {
    this.indices = indices;
    this.maxHostBytes = maxHostBytes;
    this.maxDiskBytes = maxDiskBytes;
    this.onWork = onWork;
  }

  // ---- putting and evicting; what these give out is the caller's until it says how it went

  /** Takes a block in, to be put; null when there is no room for it now. */
  @Nullable
  Block reserve(long id, HostBuffer buffer) {
    synchronized (lock) {
      if (memory.containsKey(id) || disk.containsKey(id)) {
        throw new IllegalArgumentException("Host block " + id + " was put twice");
      }
      if (closed || buffer.sizeBytes() > maxHostBytes - usedBytes) {
        return null;
      }
      RDDBlockId sparkId = indices.take();
      if (sparkId == null) {
        return null;
      }
      Block block = null;
      try {
        block = new Block(id, sparkId, buffer);
      } finally {
        if (block == null) {
          indices.free(sparkId);
        }
      }
      memory.put(id, block);
      usedBytes += block.sizeBytes;
      return block;
    }
  }

  /**
   * Ends {@link #reserve}.
   *
   * @param taken whether Spark took the block
   * @param inMemory whether its memory holds the buffer
   * @return whether the block is kept
   */
  boolean put(Block block, boolean taken, boolean inMemory) {
    synchronized (lock) {
      block.taken = taken;
      if (!taken) {
        forget(block);
      }
      if (!inMemory) {
        leaveMemory(block);
      }
      block.busy = false;
      settle(block);
      return taken && (block.inMemory || block.onDisk);
    }
  }

  /** The least recently used block in memory that nobody uses, to be evicted; null when there is none. */
  @Nullable
  Block victim(Set<Block> except) {
    synchronized (lock) {
      Block victim = oldest(memory, except);
      if (victim != null) {
        victim.busy = true;
      }
      return victim;
    }
  }

  /**
   * Ends {@link #victim}.
   *
   * @param drop whether it shall go, wherever it is
   */
  void evicted(Block block, boolean drop) {
    synchronized (lock) {
      if (drop) {
        forget(block);
      }
      block.busy = false;
      settle(block);
    }
  }

  boolean diskHas(long sizeBytes) {
    synchronized (lock) {
      return sizeBytes <= maxDiskBytes - diskBytes;
    }
  }

  /** Drops the least recently used block on disk that nobody uses; returns whether there was one. */
  boolean dropOldestOnDisk() {
    synchronized (lock) {
      Block oldest = oldest(disk, Set.of());
      if (oldest != null) {
        forget(oldest);
        settle(oldest);
      }
      return oldest != null;
    }
  }

  // ---- reading

  /** Keeps a block in the table's care until {@link #release}; null when there is none. */
  @Nullable
  Block use(long id) {
    synchronized (lock) {
      Block block = closed ? null : find(id);
      if (block == null || !block.taken) {
        return null;
      }
      block.readers++;
      return block;
    }
  }

  boolean has(long id) {
    synchronized (lock) {
      // Not by find, which would count as a use.
      return memory.containsKey(id) || disk.containsKey(id);
    }
  }

  boolean isOnDisk(long id) {
    synchronized (lock) {
      return disk.containsKey(id);
    }
  }

  boolean isInMemory(Block block) {
    synchronized (lock) {
      return block.inMemory;
    }
  }

  void release(Block block) {
    synchronized (lock) {
      block.readers--;
      settle(block);
    }
  }

  /** Bytes that were read back, or with a minus are closed again. */
  void countReadBack(long sizeBytes) {
    synchronized (lock) {
      usedBytes += sizeBytes;
    }
  }

  // ---- dropping

  /** Drops a block, when nobody uses it any more. */
  void drop(Block block) {
    synchronized (lock) {
      forget(block);
      settle(block);
    }
  }

  /** Likewise; returns whether there was one. */
  boolean drop(long id) {
    synchronized (lock) {
      Block block = find(id);
      if (block != null) {
        drop(block);
      }
      return block != null;
    }
  }

  /** Takes no more blocks, and drops all. */
  void close() {
    synchronized (lock) {
      closed = true;
      List<Block> all = new ArrayList<>(memory.values());
      all.addAll(disk.values());
      all.forEach(this::drop);
    }
  }

  boolean isClosed() {
    synchronized (lock) {
      return closed;
    }
  }

  // ---- what is left to do

  boolean hasWork() {
    synchronized (lock) {
      return !toRemove.isEmpty() || !toClose.isEmpty();
    }
  }

  /** A block to be removed from Spark, or null. */
  @Nullable
  Block nextToRemove() {
    synchronized (lock) {
      return toRemove.poll();
    }
  }

  boolean wasTaken(Block block) {
    synchronized (lock) {
      return block.taken;
    }
  }

  /** Ends {@link #nextToRemove}. */
  void removed(Block block) {
    synchronized (lock) {
      if (block.onDisk) {
        block.onDisk = false;
        diskBytes -= block.sizeBytes;
      }
      indices.free(block.sparkId);
    }
  }

  /** A block whose buffer is to be closed, or null. */
  @Nullable
  Block nextToClose() {
    synchronized (lock) {
      return toClose.poll();
    }
  }

  /** Ends {@link #nextToClose}. */
  void closed(Block block) {
    synchronized (lock) {
      usedBytes -= block.sizeBytes;
    }
  }

  /** Whether Spark has written blocks to disk on its own since this was asked last. */
  boolean pollSpilledBySpark() {
    synchronized (lock) {
      boolean spilled = spilledBySpark;
      spilledBySpark = false;
      return spilled;
    }
  }

  // ---- figures

  /** Bytes of all open buffers, those read back included. */
  long usedBytes() {
    synchronized (lock) {
      return usedBytes;
    }
  }

  long diskBytes() {
    synchronized (lock) {
      return diskBytes;
    }
  }

  SparkTierStats stats() {
    synchronized (lock) {
      return new SparkTierStats(spilledBlocks, spilledBytes, droppedBlocks, droppedBytes);
    }
  }

  // ---- under the lock

  private @Nullable Block find(long id) {
    Block block = memory.get(id);
    return block == null ? disk.get(id) : block;
  }

  private static @Nullable Block oldest(Map<Long, Block> blocks, Set<Block> except) {
    for (Block block : blocks.values()) {
      if (block.idle() && !except.contains(block)) {
        return block;
      }
    }
    return null;
  }

  private void leaveMemory(Block block) {
    if (!block.inMemory) {
      return;
    }
    block.inMemory = false;
    memory.remove(block.id, block);
    if (block.onDisk && !block.removed) {
      disk.put(block.id, block);
    } else {
      block.removed = true;
    }
  }

  private void forget(Block block) {
    block.removed = true;
    memory.remove(block.id, block);
    disk.remove(block.id, block);
  }

  /** Queues what is left to do for a block that nobody uses. */
  private void settle(Block block) {
    if (!block.idle()) {
      return;
    }
    if (!block.inMemory && !block.closing) {
      block.closing = true;
      toClose.add(block);
    }
    if (block.removed && !block.removing) {
      block.removing = true;
      toRemove.add(block);
    }
  }

  private void countSparksDoing(Block block) {
    if (block.onDisk) {
      spilledBlocks++;
      spilledBytes += block.sizeBytes;
      spilledBySpark = true;
    } else {
      droppedBlocks++;
      droppedBytes += block.sizeBytes;
    }
  }
}
