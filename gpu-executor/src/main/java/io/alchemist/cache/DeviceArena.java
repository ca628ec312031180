package io.alchemist.cache;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The device memory that keys, values and activations share, taken at once and cut into blocks. A block holds one page of keys
 * and values of all layers. {@link KvPages} takes single blocks from the low end, {@link Slab}s take whatever free blocks their
 * tensors fit into, from the high end. So activations use what keys and values don't need at the moment, and give it back
 * block by block.
 *
 * <p>Slabs together never hold more than the blocks beyond the floor of keys and values: however much of them is pinned, keys
 * and values have their floor. Nothing is given up in here to make room; that is the business of {@link PrefixTree}, which
 * knows what is worth least.
 *
 * <p>Memory lies in strips, tensors of (blocks · 2 · layers of the strip · page size, columns): one strip, unless that would be
 * too large for a tensor. Block b is the same range of rows in every strip.
 *
 * <p>Engine thread only.
 */
public final class DeviceArena implements AutoCloseable {
  /** A strip of more than one layer is no larger: back ends may be bound to tensors below 2 GiB. */
  private static final long MAX_STRIP_BYTES = 1L << 30;
  /** Tensors of slabs begin at a multiple of so many bytes: a cache line, and what vector loads like. */
  private static final int ALIGNMENT = 64;

  private final Tensor[] strips;
  private final DType type;
  private final int layers;
  private final int kvDim;
  private final int pageSize;
  private final int blocks;
  private final int floorBlocks;
  /** Bytes of a block in one strip. */
  private final long stripBlockBytes;

  private final BitSet used = new BitSet();
  /** No block below is free. */
  private int lowest;

  private final BitSet slabs = new BitSet();
  private int usedBlocks;
  private int slabBlocks;

  /**
   * Takes the memory.
   *
   * @param kvDim columns of keys and values: key/value heads times head width
   * @param pageSize tokens of a page
   * @param floorPages pages that keys and values always have
   * @param sharedBytes what there is besides, in whole blocks; 0 leaves no room for activations
   * @throws DeviceMemoryException when it does not fit; nothing is held then
   */
  public DeviceArena(
      MemoryScope scope,
      DType type,
      int layers,
      int kvDim,
      int pageSize,
      int floorPages,
      long sharedBytes) {
    this(scope, type, layers, kvDim, pageSize, floorPages, sharedBytes, MAX_STRIP_BYTES);
  }

  DeviceArena(
      MemoryScope scope,
      DType type,
      int layers,
      int kvDim,
      int pageSize,
      int floorPages,
      long sharedBytes,
      long maxStripBytes) {
    if (layers <= 0 || kvDim <= 0 || pageSize <= 0 || floorPages <= 0 || sharedBytes < 0) {
      throw new IllegalArgumentException("K/V pages need at least one of each: layers " + layers
          + ", columns " + kvDim + ", tokens of a page " + pageSize + ", pages " + floorPages
          + "; and shared bytes, " + sharedBytes + ", can't be negative");
    }
    long blockBytes = blockBytes(type, layers, kvDim, pageSize);
    this.type = type;
    this.layers = layers;
    this.kvDim = kvDim;
    this.pageSize = pageSize;
    this.floorBlocks = floorPages;
    this.blocks = Math.toIntExact(floorPages + sharedBytes / blockBytes);
    int count = 1;
    while (count < layers && (layers % count != 0 || blockBytes * blocks / count > maxStripBytes)) {
      count++;
    }
    this.stripBlockBytes = blockBytes / count;
    this.strips = new Tensor[count];
    int rows = Math.multiplyExact(blocks, 2 * layers / count * pageSize);
    for (int made = 0; made < count; made++) {
      try {
        strips[made] = scope.allocate("keys, values and activations", type, rows, kvDim);
      } catch (RuntimeException e) {
        for (int i = 0; i < made; i++) {
          strips[i].close();
        }
        throw e;
      }
    }
  }

  /** Bytes of a block: one page of keys and values of all layers. */
  public static long blockBytes(DType type, int layers, int kvDim, int pageSize) {
    return 2L * layers * pageSize * kvDim * type.sizeBytes();
  }

  // ---- keys and values

  /** Keys of one layer: block b is the {@code pageSize} rows from {@code b · pageStride() · pageSize}. */
  Tensor keys(int layer) {
    return pool(layer, 0);
  }

  /** Values of one layer, likewise. */
  Tensor values(int layer) {
    return pool(layer, 1);
  }

  private Tensor pool(int layer, int which) {
    int layersOfStrip = layers / strips.length;
    Tensor strip = strips[layer / layersOfStrip];
    int from = (2 * (layer % layersOfStrip) + which) * pageSize;
    // All pools have the same length: up to the end of the last block's first page.
    return strip.rows(from, strip.rows() - (pageStride() - 1) * pageSize);
  }

  /** Pages from one block's to the next one's in a layer's pool. */
  int pageStride() {
    return 2 * layers / strips.length;
  }

  /** Takes the lowest free block, of which there must be one. */
  int takeBlock() {
    int block = used.nextClearBit(lowest);
    lowest = block + 1;
    used.set(block);
    usedBlocks++;
    return block;
  }

  /** Takes a block of keys and values back. */
  void giveBack(int block) {
    used.clear(block);
    lowest = Math.min(lowest, block);
    usedBlocks--;
  }

  boolean isPage(int block) {
    return used.get(block) && !slabs.get(block);
  }

  // ---- activations

  /**
   * Memory for the activations of one step.
   *
   * @param cols columns of each layer's fields; 0 for those that a layer lacks
   * @return null when the free blocks can't hold its tensors, or slabs would come to hold too much
   */
  public @Nullable Slab slab(int rows, int[][] cols) {
    @Nullable Tensor[][] tensors = new Tensor[cols.length][];
    Placement placement = new Placement();
    for (int layer = 0; layer < cols.length; layer++) {
      tensors[layer] = new Tensor[cols[layer].length];
      for (int field = 0; field < cols[layer].length; field++) {
        if (cols[layer][field] > 0) {
          Tensor tensor = placement.place(rows, cols[layer][field]);
          if (tensor == null) {
            return null;
          }
          tensors[layer][field] = tensor;
        }
      }
    }
    BitSet taken = placement.taken;
    int count = taken.cardinality();
    if (count > limitBlocks() - slabBlocks) {
      return null;
    }
    used.or(taken);
    slabs.or(taken);
    usedBlocks += count;
    slabBlocks += count;
    return new Slab(rows, tensors, () -> release(taken, count));
  }

  private void release(BitSet taken, int count) {
    used.andNot(taken);
    lowest = Math.min(lowest, Math.max(0, taken.nextSetBit(0)));
    slabs.andNot(taken);
    usedBlocks -= count;
    slabBlocks -= count;
  }

  /**
   * Puts a slab's tensors into free blocks, each below the one before, as many to a run of blocks as fit; where there are several
   * strips, into the one that is filled least.
   */
  private final class Placement {
    private final BitSet taken = new BitSet();
    /** Of each strip, where the free rest of its current run begins and ends, in bytes. */
    private final long[] begins = new long[strips.length];

    private final long[] ends = new long[strips.length];

    Placement() {
      for (int strip = 0; strip < strips.length; strip++) {
        begins[strip] = ends[strip] = blocks * stripBlockBytes;
      }
    }

    @Nullable
    Tensor place(int rows, int cols) {
      long bytes = (long) rows * cols * type.sizeBytes();
      int strip = 0;
      for (int i = 1; i < strips.length; i++) {
        strip = ends[i] > ends[strip] ? i : strip;
      }
      long at = alignedDown(ends[strip] - bytes);
      while (at < begins[strip]) {
        if (!nextRun(strip)) {
          return null;
        }
        at = alignedDown(ends[strip] - bytes);
      }
      if (bytes > 0) {
        taken.set((int) (at / stripBlockBytes), (int) ((at + bytes - 1) / stripBlockBytes) + 1);
      }
      ends[strip] = at;
      return strips[strip].view(at / type.sizeBytes(), rows, cols);
    }

    /** Goes on to the next lower run of free blocks. */
    private boolean nextRun(int strip) {
      int last = used.previousClearBit((int) (begins[strip] / stripBlockBytes) - 1);
      if (last < 0) {
        return false;
      }
      begins[strip] = (used.previousSetBit(last) + 1) * stripBlockBytes;
      ends[strip] = (last + 1) * stripBlockBytes;
      return true;
    }

    private static long alignedDown(long bytes) {
      return Math.floorDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }
  }

  // ---- sizes

  int layers() {
    return layers;
  }

  int kvDim() {
    return kvDim;
  }

  int pageSize() {
    return pageSize;
  }

  int blocks() {
    return blocks;
  }

  int freeBlocks() {
    return blocks - usedBlocks;
  }

  /** Blocks that keys and values hold beyond their floor; negative below it. */
  int kvBlocksAboveFloor() {
    return usedBlocks - slabBlocks - floorBlocks;
  }

  private int limitBlocks() {
    return blocks - floorBlocks;
  }

  /** Bytes of everything. */
  public long sizeBytes() {
    return bytes(blocks);
  }

  /** Bytes that pages of keys and values hold. */
  public long kvBytes() {
    return bytes(usedBlocks - slabBlocks);
  }

  /** Bytes that slabs hold. */
  public long activationBytes() {
    return bytes(slabBlocks);
  }

  /** The most bytes that slabs may hold. */
  public long activationLimitBytes() {
    return bytes(limitBlocks());
  }

  /** Bytes that a slab could have at the moment, as far as the number of blocks goes. */
  public long activationRoomBytes() {
    return bytes(Math.min(freeBlocks(), limitBlocks() - slabBlocks));
  }

  private long bytes(int count) {
    return count * stripBlockBytes * strips.length;
  }

  /**
   * Gives the memory back.
   *
   * @throws DeviceMemoryException when some of it was still in use; it is given back all the same
   */
  @Override
  public void close() {
    for (Tensor strip : strips) {
      strip.close();
    }
    if (usedBlocks > 0) {
      throw new DeviceMemoryException("The device arena closed while " + (usedBlocks - slabBlocks)
          + " K/V pages and " + slabBlocks + " blocks of activations were in use; close the prefix"
          + " tree and all sequences first");
    }
  }
}
