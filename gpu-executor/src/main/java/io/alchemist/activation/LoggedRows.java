package io.alchemist.activation;

import io.alchemist.cache.Logged;
import io.alchemist.tensor.RaggedBatch;
import org.jspecify.annotations.Nullable;

/**
 * Logged positions that a backward pass reads.
 *
 * @param logged where their activations are
 * @param from first position
 * @param count positions
 * @param slots K/V row of each position on the device, or null where the host has keys and values
 * @param firstRow of the pass
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record LoggedRows(Logged logged, int from, int count, int @Nullable [] slots, int firstRow) {

  /** Pairs of a position and one that it sees. */
  long pairs() {
    return RaggedBatch.pairs(from, count);
  }

  /** Whether activations, and keys and values with them, are on the device. */
  public boolean onDevice() {
    return logged.slab() != null && slots != null;
  }
}
