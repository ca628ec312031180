package io.alchemist.cache;

import io.alchemist.tensor.HostBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Host memory of a fixed size. When it is full, the least recently used blocks go to disk, where there is one, and are gone
 * otherwise. A block that is read back from disk stays there; its buffer is extra memory until the reader closes it, so
 * readers bound how much they hold.
 *
 * <p>Thread-safe: one lock over the index, never held during disk access. {@link #put} and {@link #get} use the disk on the
 * calling thread.
 */
public final class ArenaHostTier implements HostTier {
  private static final class Block {
    final HostBuffer buffer;
    int readers;
    /** Being written to disk, so the buffer must stay. */
    boolean spilling;
    /** No longer in the index; freed by whoever uses the buffer last. */
    boolean removed;

    Block(HostBuffer buffer) {
      this.buffer = buffer;
    }
  }

  private final long limitBytes;
  private final @Nullable DiskTier disk;
  private final LongFunction<HostBuffer> buffers;
  private final Object lock = new Object();
  /** Blocks in memory, least recently used first. */
  private final Map<Long, Block> blocks = new LinkedHashMap<>(16, 0.75f, true);

  private long usedBytes;
  private boolean closed;

  /**
   * @param limitBytes most bytes of blocks in memory
   * @param disk where blocks go when memory is full, or null; closed with this tier
   * @param buffers makes a buffer of a size, for reading back
   */
  public ArenaHostTier(long limitBytes, @Nullable DiskTier disk, LongFunction<HostBuffer> buffers) {
    if (limitBytes < 0) {
      throw new IllegalArgumentException("Limit of the host tier is negative: " + limitBytes);
    }
    this.limitBytes = limitBytes;
    this.disk = disk;
    this.buffers = buffers;
  }

  @Override
  public boolean put(long id, HostBuffer block) {
    while (true) {
      Map.Entry<Long, Block> victim;
      synchronized (lock) {
        if (!closed && blocks.containsKey(id)) {
          block.close();
          throw new IllegalArgumentException("Host block " + id + " was put twice");
        }
        if (!closed && block.sizeBytes() <= limitBytes - usedBytes) {
          usedBytes += block.sizeBytes();
          blocks.put(id, new Block(block));
          return true;
        }
        victim = closed || block.sizeBytes() > limitBytes ? null : oldestIdle();
        if (victim == null) {
          block.close();
          return false;
        }
        victim.getValue().spilling = true;
      }
      spill(victim.getKey(), victim.getValue());
    }
  }

  private Map.@Nullable Entry<Long, Block> oldestIdle() {
    for (Map.Entry<Long, Block> e : blocks.entrySet()) {
      if (e.getValue().readers == 0 && !e.getValue().spilling) {
        return Map.entry(e.getKey(), e.getValue());
      }
    }
    return null;
  }

  private void spill(long id, Block block) {
    boolean stored = false;
    try {
      stored = disk != null && disk.store(id, block.buffer);
    } finally {
      synchronized (lock) {
        block.spilling = false;
        boolean keep = block.readers > 0 && !block.removed;
        if (stored && disk != null && (keep || block.removed)) {
          disk.remove(id);
        }
        if (!keep && !block.removed) {
          blocks.remove(id);
          block.removed = true;
        }
        freeIfUnused(block);
      }
    }
  }

  @Override
  public @Nullable HostBlock get(long id) {
    synchronized (lock) {
      if (closed) {
        return null;
      }
      Block block = blocks.get(id);
      if (block != null) {
        block.readers++;
        return new Reading(block);
      }
    }
    HostBuffer buffer = disk == null ? null : disk.load(id, buffers);
    if (buffer == null) {
      return null;
    }
    Block copy = new Block(buffer);
    copy.removed = true;
    copy.readers = 1;
    synchronized (lock) {
      usedBytes += buffer.sizeBytes();
    }
    return new Reading(copy);
  }

  @Override
  public boolean has(long id) {
    return isInMemory(id) || (disk != null && disk.has(id));
  }

  @Override
  public boolean isOnDisk(long id) {
    return !isInMemory(id) && disk != null && disk.has(id);
  }

  private boolean isInMemory(long id) {
    synchronized (lock) {
      return blocks.containsKey(id);
    }
  }

  @Override
  public void remove(long id) {
    synchronized (lock) {
      Block block = blocks.remove(id);
      if (block != null) {
        block.removed = true;
        freeIfUnused(block);
      }
    }
    if (disk != null) {
      disk.remove(id);
    }
  }

  /** Under the lock. */
  private void freeIfUnused(Block block) {
    if (block.removed && block.readers == 0 && !block.spilling) {
      usedBytes -= block.buffer.sizeBytes();
      block.buffer.close();
    }
  }

  @Override
  public long usedBytes() {
    synchronized (lock) {
      return usedBytes;
    }
  }

  @Override
  public long diskBytes() {
    return disk == null ? 0 : disk.usedBytes();
  }

  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      for (Block block : List.copyOf(blocks.values())) {
        block.removed = true;
        freeIfUnused(block);
      }
      blocks.clear();
    }
    if (disk != null) {
      disk.close();
    }
  }

  private final class Reading implements HostBlock {
    private final Block block;
    private boolean done;

    Reading(Block block) {
      this.block = block;
    }

    @Override
    public HostBuffer buffer() {
      return block.buffer;
    }

    @Override
    public void close() {
      synchronized (lock) {
        if (!done) {
          done = true;
          block.readers--;
          freeIfUnused(block);
        }
      }
    }
  }
}
