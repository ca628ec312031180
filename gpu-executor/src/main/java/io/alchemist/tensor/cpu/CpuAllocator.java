package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Allocator;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Storage;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;

/**
 * Native memory in blocks of a size class. Freed blocks wait for the next request of their class, so scratch that every step
 * wants is neither mapped nor zeroed again. Blocks in use and waiting ones together stay within the limit: what waited
 * longest is given back to the system first. (A single block may exceed its request by an eighth, the step between classes, and
 * by 16 MiB at most.)
 *
 * <p>Thread-safe.
 */
final class CpuAllocator implements Allocator {
  private static final long LARGEST = Integer.MAX_VALUE - 2L * CpuBlock.ALIGNMENT;
  private static final long SMALLEST = 4096;
  private static final long WIDEST_STEP = 16 << 20;

  private final long limitBytes;
  private final Map<Integer, ArrayDeque<CpuBlock>> waitingBySize = new HashMap<>();
  // Oldest first, over all classes.
  private final LinkedHashSet<CpuBlock> waiting = new LinkedHashSet<>();
  private long inUseBytes;
  private long waitingBytes;

  CpuAllocator(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  @Override
  public synchronized Storage allocate(long sizeBytes) {
    int size = classOf(sizeBytes);
    ArrayDeque<CpuBlock> reusable = waitingBySize.get(size);
    CpuBlock block = reusable == null ? null : reusable.pollLast();
    if (block != null) {
      waiting.remove(block);
      waitingBytes -= size;
    } else {
      giveBackUntil(limitBytes - inUseBytes - size);
      block = create(size, sizeBytes);
    }
    inUseBytes += size;
    return block;
  }

  private CpuBlock create(int size, long wantedBytes) {
    try {
      return new CpuBlock(size);
    } catch (OutOfMemoryError first) {
      giveBackUntil(0);
      try {
        return new CpuBlock(size);
      } catch (OutOfMemoryError e) {
        throw new DeviceMemoryException(
            "The process has no " + wantedBytes
                + " bytes of native memory left beside the " + inUseBytes
                + " bytes in use. Raise -XX:MaxDirectMemorySize, or lower the engine's memory limits",
            e);
      }
    }
  }

  @Override
  public synchronized void free(Storage storage) {
    CpuBlock block = (CpuBlock) storage;
    int size = (int) block.sizeBytes();
    inUseBytes -= size;
    waitingBytes += size;
    waiting.add(block);
    waitingBySize.computeIfAbsent(size, k -> new ArrayDeque<>()).addLast(block);
    giveBackUntil(limitBytes - inUseBytes);
  }

  /** Gives back what waited longest until at most this many bytes wait. */
  synchronized void giveBackUntil(long bytes) {
    Iterator<CpuBlock> oldest = waiting.iterator();
    while (waitingBytes > Math.max(0, bytes)) {
      CpuBlock block = oldest.next();
      oldest.remove();
      int size = (int) block.sizeBytes();
      waitingBytes -= size;
      ArrayDeque<CpuBlock> sameSize = waitingBySize.get(size);
      if (sameSize != null) {
        sameSize.remove(block);
      }
      block.destroy();
    }
  }

  /** Bytes of freed blocks that wait for reuse. */
  synchronized long waitingBytes() {
    return waitingBytes;
  }

  /** Eight classes for every doubling, of large blocks more. */
  private static int classOf(long sizeBytes) {
    long wanted = Math.max(SMALLEST, sizeBytes);
    long step =
        Math.max(CpuBlock.ALIGNMENT, Math.min(WIDEST_STEP, Long.highestOneBit(wanted) >> 3));
    long size = (wanted + step - 1) / step * step;
    if (wanted > LARGEST) {
      throw new DeviceMemoryException("A block of " + sizeBytes + " bytes is more than the "
          + LARGEST + " bytes that one tensor can have on the CPU; split it");
    }
    return (int) Math.min(size, LARGEST);
  }
}
