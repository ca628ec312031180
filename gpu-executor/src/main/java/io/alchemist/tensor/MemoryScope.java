package io.alchemist.tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A named owner of device memory with a limit, in a tree of owners. What a scope holds counts against its own limit and
 * that of every scope above it. Closing a scope that still holds memory frees it and then fails with the tree of what was
 * left, so a leak can't stay unseen.
 *
 * <p>Thread-safe: one lock for the whole tree.
 */
public final class MemoryScope implements AutoCloseable {
  private final String name;
  private final long limitBytes;
  private final @Nullable MemoryScope parent;
  private final Allocator allocator;
  private final Object lock;
  private final Set<MemoryScope> children = new LinkedHashSet<>();
  private final Set<Allocation> allocations = new LinkedHashSet<>();
  private long usedBytes;
  private long peakBytes;
  private boolean closed;

  private MemoryScope(
      String name,
      long limitBytes,
      @Nullable MemoryScope parent,
      Allocator allocator,
      Object lock) {
    if (limitBytes < 0) {
      throw new IllegalArgumentException(
          "Limit of memory scope '" + name + "' is negative: " + limitBytes);
    }
    this.name = name;
    this.limitBytes = limitBytes;
    this.parent = parent;
    this.allocator = allocator;
    this.lock = lock;
  }

  /** The root of a tree over a back end's allocator. */
  public static MemoryScope root(String name, long limitBytes, Allocator allocator) {
    return new MemoryScope(name, limitBytes, null, allocator, new Object());
  }

  /** A scope inside this one, bounded by this one only. */
  public MemoryScope child(String childName) {
    return child(childName, limitBytes);
  }

  /** A scope inside this one with a limit of its own. */
  public MemoryScope child(String childName, long childLimitBytes) {
    synchronized (lock) {
      checkOpen();
      MemoryScope child = new MemoryScope(childName, childLimitBytes, this, allocator, lock);
      children.add(child);
      return child;
    }
  }

  /**
   * A new tensor with undefined contents.
   *
   * @param label what it is for, in messages
   * @throws DeviceMemoryException when it does not fit in this scope's limit or one above
   */
  public Tensor allocate(String label, DType type, int rows, int cols) {
    if (rows < 0 || cols < 0) {
      throw new IllegalArgumentException("'" + label + "' has shape (" + rows + ", " + cols + ")");
    }
    long sizeBytes = (long) rows * cols * type.sizeBytes();
    synchronized (lock) {
      checkOpen();
      for (MemoryScope s = this; s != null; s = s.parent) {
        // A scope without a limit of its own has its parent's, which is the one to name.
        boolean ownLimit = s.parent == null || s.parent.limitBytes != s.limitBytes;
        if (ownLimit && sizeBytes > s.limitBytes - s.usedBytes) {
          throw new DeviceMemoryException(
              "No room for '" + label + "' (" + megabytes(sizeBytes) + ") in " + path()
                  + ": scope '" + s.name + "' holds " + megabytes(s.usedBytes) + " of "
                  + megabytes(s.limitBytes)
                  + ". Raise that limit, or give the work smaller batches.");
        }
      }
      Allocation allocation = new Allocation(this, label, allocator.allocate(sizeBytes), sizeBytes);
      allocations.add(allocation);
      for (MemoryScope s = this; s != null; s = s.parent) {
        s.usedBytes += sizeBytes;
        s.peakBytes = Math.max(s.peakBytes, s.usedBytes);
      }
      return Tensor.owning(type, rows, cols, allocation);
    }
  }

  void release(Allocation allocation) {
    synchronized (lock) {
      if (!allocations.remove(allocation)) {
        throw new IllegalStateException(
            "'" + allocation.name() + "' in " + path() + " was closed twice");
      }
      forget(allocation);
    }
  }

  private void forget(Allocation allocation) {
    for (MemoryScope s = this; s != null; s = s.parent) {
      s.usedBytes -= allocation.sizeBytes();
    }
    allocator.free(allocation.storage());
  }

  public String name() {
    return name;
  }

  public long limitBytes() {
    return limitBytes;
  }

  /** Bytes held by this scope and those inside it. */
  public long usedBytes() {
    synchronized (lock) {
      return usedBytes;
    }
  }

  /** The most bytes held at once since the scope was made or {@link #resetPeak} was called. */
  public long peakBytes() {
    synchronized (lock) {
      return peakBytes;
    }
  }

  /** Starts a new measurement of {@link #peakBytes}. */
  public void resetPeak() {
    synchronized (lock) {
      peakBytes = usedBytes;
    }
  }

  /**
   * Closes the scope and those inside it.
   *
   * @throws DeviceMemoryException when something was not given back; it is freed all the same
   */
  @Override
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      String leak = usedBytes == 0 ? null : describe();
      discard();
      if (leak != null) {
        throw new DeviceMemoryException("Memory was not given back when scope " + path()
            + " closed; close each tensor before its scope:\n" + leak);
      }
    }
  }

  /** Closes the scope and those inside it, and frees what was not given back: for work that broke off somewhere. */
  public void discard() {
    synchronized (lock) {
      if (!closed) {
        freeAll();
        if (parent != null) {
          parent.children.remove(this);
        }
      }
    }
  }

  private void freeAll() {
    for (MemoryScope child : children) {
      child.freeAll();
    }
    children.clear();
    for (Allocation allocation : allocations) {
      forget(allocation);
    }
    allocations.clear();
    closed = true;
  }

  /** The tree of what is held: a line per scope and per label, largest scopes as they were made. */
  public String describe() {
    synchronized (lock) {
      StringBuilder out = new StringBuilder();
      describe(out, 0);
      return out.toString();
    }
  }

  private void describe(StringBuilder out, int depth) {
    String indent = "  ".repeat(depth);
    out.append(indent).append(name).append(": ").append(megabytes(usedBytes)).append('\n');
    Map<String, List<Allocation>> byName = new LinkedHashMap<>();
    for (Allocation allocation : allocations) {
      byName.computeIfAbsent(allocation.name(), k -> new ArrayList<>()).add(allocation);
    }
    byName.forEach((label, list) -> out.append(indent)
        .append("  - ")
        .append(label)
        .append(list.size() == 1 ? "" : " x" + list.size())
        .append(": ")
        .append(megabytes(list.stream().mapToLong(Allocation::sizeBytes).sum()))
        .append('\n'));
    for (MemoryScope child : children) {
      if (child.usedBytes > 0) {
        child.describe(out, depth + 1);
      }
    }
  }

  private String path() {
    return parent == null ? name : parent.path() + "/" + name;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("Memory scope " + path() + " is closed");
    }
  }

  private static String megabytes(long bytes) {
    return bytes < 100_000
        ? bytes + " bytes"
        : String.format(Locale.ROOT, "%.1f MiB", bytes / (1024.0 * 1024.0));
  }
}
