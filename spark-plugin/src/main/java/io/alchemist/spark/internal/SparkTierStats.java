package io.alchemist.spark.internal;

/**
 * What Spark did with a tier's blocks on its own, to make room for queries.
 *
 * @param spilledBlocks blocks written to disk
 * @param spilledBytes bytes of these
 * @param droppedBlocks blocks that are gone: there was no disk, or no room on it
 * @param droppedBytes bytes of these
 */
public record SparkTierStats(
    long spilledBlocks, long spilledBytes, long droppedBlocks, long droppedBytes) {}
