package io.alchemist.cache;

import io.alchemist.tensor.Tensor;

/**
 * The pages of keys and values in a {@link DeviceArena}, {@code pageSize} tokens each. A page id stands for the same rows in
 * every layer's pools; ids are not consecutive, since a block of the arena holds a page of all layers. A page has one owner at
 * a time: the sequence being computed that allocated it, or the {@link PrefixTree} once that took it over.
 *
 * <p>Engine thread only.
 */
public final class KvPages {
  private final DeviceArena arena;
  private final Tensor[] keys;
  private final Tensor[] values;
  private final int stride;

  /** Pages of that arena, which outlives them. */
  public KvPages(DeviceArena arena) {
    this.arena = arena;
    this.stride = arena.pageStride();
    keys = new Tensor[arena.layers()];
    values = new Tensor[arena.layers()];
    for (int layer = 0; layer < keys.length; layer++) {
      keys[layer] = arena.keys(layer);
      values[layer] = arena.values(layer);
    }
  }

  /** The pool of one layer's keys, (rows, kvDim): page p is the {@code pageSize} rows from {@code p · pageSize}. */
  public Tensor keys(int layer) {
    return keys[layer];
  }

  /** The pool of one layer's values, likewise. */
  public Tensor values(int layer) {
    return values[layer];
  }

  public int layers() {
    return keys.length;
  }

  /** Columns of the pools. */
  public int kvDim() {
    return arena.kvDim();
  }

  /** Tokens of a page. */
  public int pageSize() {
    return arena.pageSize();
  }

  /** Pages that there can be, when there are no activations. */
  public int pageCount() {
    return arena.blocks();
  }

  /** Pages that can be allocated at once. */
  public int freePages() {
    return arena.freeBlocks();
  }

  /** Whether more pages are in use than the floor, so that some are borrowed from activations. */
  boolean aboveFloor() {
    return arena.kvBlocksAboveFloor() > 0;
  }

  /** Pages that hold {@code tokens} tokens. */
  public int pagesFor(int tokens) {
    return (tokens + pageSize() - 1) / pageSize();
  }

  /**
   * Gives a page, with undefined contents, to the caller.
   *
   * @throws IllegalStateException when none is free: look at {@link #freePages} first
   */
  public int allocate() {
    if (freePages() == 0) {
      throw new IllegalStateException("All " + pageCount()
          + " blocks for K/V pages are in use; check freePages() and evict before allocating");
    }
    return arena.takeBlock() * stride;
  }

  /**
   * Takes a page back from its owner.
   *
   * @throws IllegalStateException when nobody owned it
   */
  public void free(int page) {
    if (page < 0 || page % stride != 0 || page / stride >= pageCount()) {
      throw new IllegalStateException(
          "K/V page " + page + " is not one of the " + pageCount() + ", each " + stride + " apart");
    }
    if (!isUsed(page)) {
      throw new IllegalStateException("K/V page " + page
          + " was freed twice; a page has one owner, who frees it or hands it over");
    }
    arena.giveBack(page / stride);
  }

  boolean isUsed(int page) {
    return arena.isPage(page / stride);
  }
}
