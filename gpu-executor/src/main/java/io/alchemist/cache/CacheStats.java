package io.alchemist.cache;

/**
 * Counters of a {@link PrefixTree}, for metrics.
 *
 * @param segments in the tree, those kept for a reader only included
 * @param kvTokens positions with keys and values on the device
 * @param deviceActivationBytes of the slabs that the tree refers to
 * @param uncopiedActivationBytes of those slabs that have rows without a host copy
 * @param hostCopyBytes of the host copies made and not known to be gone
 * @param hits matches that found at least a page
 * @param misses matches that found nothing
 * @param hitTokens tokens found by all matches
 * @param missTokens tokens asked for and not found by all matches
 * @param evictedPages pages taken from segments for new tokens
 * @param evictedActivations activations whose device copy was given up, with a host copy or without
 * @param lostHostCopies host copies found to be gone
 */
public record CacheStats(
    int segments,
    long kvTokens,
    long deviceActivationBytes,
    long uncopiedActivationBytes,
    long hostCopyBytes,
    long hits,
    long misses,
    long hitTokens,
    long missTokens,
    long evictedPages,
    long evictedActivations,
    long lostHostCopies) {}
