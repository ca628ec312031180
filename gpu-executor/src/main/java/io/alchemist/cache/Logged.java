package io.alchemist.cache;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The activations of one stretch of positions, wherever they are: in rows of a {@link Slab} on the device, in blocks of the
 * {@link HostTier} (one for each layer, laid out by {@link BlockLayout}, with the keys and values too), or both. When a segment
 * is split, both halves show a part of the same Logged. It grows at its end, while it is idle, by what the same step recorded
 * behind it; otherwise its extent never changes. While a {@link Coverage} that names it is open, its slab stays.
 *
 * <p>Engine thread only.
 */
public final class Logged {
  private static final int MAX_PROSPECTS = 8;

  private final int from;
  private int count;
  private final int firstRow;
  private @Nullable Slab slab;
  private long @Nullable [] hostIds;
  /** The fields of each layer's host block, as bits. */
  private int[] hostFields = new int[0];

  /** Those of the requests that have it in their prompts: the best, where there are many. */
  private final List<Prospect> prospects = new ArrayList<>(1);

  /** Segments that show a part of it. */
  final List<Segment> holders = new ArrayList<>(1);
  /** Open coverages, and the offload under way. */
  int pins;
  /** Logical time of the last use; unique. */
  long lastUse;
  /** Expected seconds saved per byte of the device, as of the last look; with the last use the key in {@link Holdings}' orders. */
  double worth;
  /** Bytes of the host copy. */
  long hostBytes;
  /** Copying it to the host failed, or there was no room, since it was last used: not tried again of the mover's own accord. */
  boolean refused;

  Logged(int from, int count, @Nullable Slab slab, int firstRow) {
    this.from = from;
    this.count = count;
    this.slab = slab;
    this.firstRow = firstRow;
  }

  /** First position in the token sequence. */
  public int from() {
    return from;
  }

  /** Number of positions. */
  public int count() {
    return count;
  }

  /** The device copy, or null. Not a new reference: good while the coverage is open. */
  public @Nullable Slab slab() {
    return slab;
  }

  /** Row of the slab that holds a position. */
  public int slabRow(int position) {
    return firstRow + row(position);
  }

  /** Row of the host blocks that holds a position. */
  public int row(int position) {
    if (position < from || position >= from + count) {
      throw new IndexOutOfBoundsException(
          "position " + position + " of activations " + from + " to " + (from + count));
    }
    return position - from;
  }

  /** Whether there is a complete host copy, as far as is known: a block may be gone all the same. */
  public boolean onHost() {
    return hostIds != null;
  }

  /**
   * The {@link HostTier} id of one layer's block.
   *
   * @throws IllegalStateException when there is no host copy
   */
  public long hostBlockId(int layer) {
    if (hostIds == null) {
      throw new IllegalStateException(
          "Activations " + from + " to " + (from + count) + " have no host copy");
    }
    return hostIds[layer];
  }

  /** The fields that one layer's block has, as bits; there must be a host copy. */
  public int hostFieldMask(int layer) {
    return hostFields[layer];
  }

  long @Nullable [] hostIds() {
    return hostIds;
  }

  void hostCopy(long[] ids, int[] fields, long bytes) {
    hostIds = ids;
    hostFields = fields;
    hostBytes = bytes;
  }

  void forgetHostCopy() {
    hostIds = null;
    hostBytes = 0;
  }

  /** Another request has it in its prompt. Of too many the least promising is left out. */
  void add(Prospect prospect) {
    if (prospects.contains(prospect)) {
      return;
    }
    prospects.add(prospect);
    if (prospects.size() > MAX_PROSPECTS) {
      prospects.remove(Collections.min(
          prospects, Comparator.comparingDouble(p -> p.expectedSeconds(from, count))));
    }
  }

  /** Takes a new look at what it is worth. Each of the requests may be trained on in a batch of its own, so they add up. */
  void revalue() {
    double seconds = 0;
    for (Prospect prospect : prospects) {
      seconds += prospect.expectedSeconds(from, count);
    }
    Slab on = slab;
    worth =
        on == null || seconds == 0 ? 0 : seconds / ((double) on.sizeBytes() / on.rows() * count);
  }

  /**
   * Takes in the {@code more} positions behind it, if the next rows of its slab are theirs. Neither a host copy nor a reader may
   * depend on where it ends.
   *
   * @return whether it has
   */
  boolean grow(int position, int more, Slab rows, int row) {
    boolean next = rows == slab && position == from + count && row == firstRow + count;
    if (!next || pins > 0 || onHost()) {
      return false;
    }
    count += more;
    return true;
  }

  void forgetSlab() {
    slab = null;
  }

  @Override
  public String toString() {
    return "Logged " + from + "+" + count + (slab != null ? " device" : "")
        + (hostIds != null ? " host" : "");
  }
}
