package io.alchemist.cache;

import org.jspecify.annotations.Nullable;

/**
 * A run of positions that the tree knows, within one segment and one {@link Logged}. At least one of {@code logged} and
 * {@code slots} is there.
 *
 * @param from first position
 * @param count positions
 * @param logged the activations, which may reach further on both sides; null for a hole, which has only keys and values
 * @param slots row of the K/V pools of each position; null when keys and values are in the host blocks only
 */
@SuppressWarnings("ArrayRecordComponent") // handed over to one reader, never compared
public record Covered(int from, int count, @Nullable Logged logged, int @Nullable [] slots) {}
