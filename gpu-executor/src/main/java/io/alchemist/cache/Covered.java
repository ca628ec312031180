package io.alchemist.cache;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A run of positions that the tree knows, within one {@link Logged}, as long as it can be. At least one of {@code logged} and
 * {@code slots} is there.
 *
 * @param from first position
 * @param count positions
 * @param logged the activations, which may reach further on both sides; null for a hole, which has only keys and values
 * @param slots row of the K/V pools of each position; null when keys and values are in the host blocks only
 */
@SuppressWarnings("ArrayRecordComponent") // handed over to one reader, never compared
public record Covered(int from, int count, @Nullable Logged logged, int @Nullable [] slots) {

  /** Whether activations, and keys and values with them, are on the device. */
  public boolean onDevice() {
    return logged != null && logged.slab() != null && slots != null;
  }

  /** Whether {@code next} is more of the same. */
  boolean goesOnWith(Covered next) {
    return from + count == next.from
        && logged == next.logged
        && (slots == null) == (next.slots == null);
  }

  /** Both as one; {@link #goesOnWith} must hold. */
  Covered join(Covered next) {
    int[] all = null;
    if (slots != null && next.slots != null) {
      all = Arrays.copyOf(slots, count + next.count);
      System.arraycopy(next.slots, 0, all, count, next.count);
    }
    return new Covered(from, count + next.count, logged, all);
  }
}
