package io.alchemist.cache;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import java.util.BitSet;

/**
 * The pools of keys and values: for each layer one tensor of each, cut into pages of {@code pageSize} rows. A page id stands
 * for the same rows in every layer. A page has one owner at a time: the sequence being computed that allocated it, or the
 * {@link PrefixTree} once that took it over.
 *
 * <p>Engine thread only.
 */
public final class KvPages implements AutoCloseable {
  private final Tensor[] keys;
  private final Tensor[] values;
  private final int kvDim;
  private final int pageSize;
  private final int pageCount;
  private final int[] free;
  private final BitSet used;
  private int freeCount;

  /**
   * Takes all the memory at once.
   *
   * @param kvDim columns: key/value heads times head width
   * @param pageSize tokens of a page
   * @throws io.alchemist.tensor.DeviceMemoryException when it does not fit; nothing is held then
   */
  public KvPages(
      MemoryScope scope, DType type, int layers, int kvDim, int pageSize, int pageCount) {
    if (layers <= 0 || kvDim <= 0 || pageSize <= 0 || pageCount <= 0) {
      throw new IllegalArgumentException("K/V pages need at least one of each: layers " + layers
          + ", columns " + kvDim + ", tokens of a page " + pageSize + ", pages " + pageCount);
    }
    this.kvDim = kvDim;
    this.pageSize = pageSize;
    this.pageCount = pageCount;
    keys = new Tensor[layers];
    values = new Tensor[layers];
    int rows = Math.multiplyExact(pageSize, pageCount);
    int made = 0;
    try {
      for (; made < layers; made++) {
        keys[made] = scope.allocate("keys", type, rows, kvDim);
        try {
          values[made] = scope.allocate("values", type, rows, kvDim);
        } catch (RuntimeException e) {
          keys[made].close();
          throw e;
        }
      }
    } catch (RuntimeException e) {
      for (int i = 0; i < made; i++) {
        keys[i].close();
        values[i].close();
      }
      throw e;
    }
    used = new BitSet(pageCount);
    free = new int[pageCount];
    freeCount = pageCount;
    for (int i = 0; i < pageCount; i++) {
      free[i] = pageCount - 1 - i;
    }
  }

  /** Keys of one layer (pageCount · pageSize, kvDim). */
  public Tensor keys(int layer) {
    return keys[layer];
  }

  /** Values of one layer (pageCount · pageSize, kvDim). */
  public Tensor values(int layer) {
    return values[layer];
  }

  public int layers() {
    return keys.length;
  }

  /** Columns of the pools. */
  public int kvDim() {
    return kvDim;
  }

  /** Tokens of a page. */
  public int pageSize() {
    return pageSize;
  }

  public int pageCount() {
    return pageCount;
  }

  /** Pages that nobody owns. */
  public int freePages() {
    return freeCount;
  }

  /** Pages that hold {@code tokens} tokens. */
  public int pagesFor(int tokens) {
    return (tokens + pageSize - 1) / pageSize;
  }

  /**
   * Gives a page, with undefined contents, to the caller.
   *
   * @throws IllegalStateException when none is free: look at {@link #freePages} first
   */
  public int allocate() {
    if (freeCount == 0) {
      throw new IllegalStateException("All " + pageCount
          + " K/V pages are in use; check freePages() and evict before allocating");
    }
    int page = free[--freeCount];
    used.set(page);
    return page;
  }

  /**
   * Takes a page back from its owner.
   *
   * @throws IllegalStateException when nobody owned it
   */
  public void free(int page) {
    if (page < 0 || page >= pageCount) {
      throw new IllegalStateException("K/V page " + page + " is not one of the " + pageCount);
    }
    if (!used.get(page)) {
      throw new IllegalStateException("K/V page " + page
          + " was freed twice; a page has one owner, who frees it or hands it over");
    }
    used.clear(page);
    free[freeCount++] = page;
  }

  boolean isUsed(int page) {
    return used.get(page);
  }

  /** Gives the memory back, whatever is in it. */
  @Override
  public void close() {
    for (int i = 0; i < keys.length; i++) {
      keys[i].close();
      values[i].close();
    }
  }
}
