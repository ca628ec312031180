package io.alchemist.cache;

/**
 * Counters of a {@link Mover}, for metrics.
 *
 * @param queued pieces waiting or under way
 * @param bytesInFlight host bytes of the copies under way
 * @param completed pieces that have got their host copy
 * @param completedBytes host bytes of those
 * @param refused pieces for which the host tier had no room
 * @param failed pieces whose copy failed
 */
public record MoverStats(
    int queued,
    long bytesInFlight,
    long completed,
    long completedBytes,
    long refused,
    long failed) {}
