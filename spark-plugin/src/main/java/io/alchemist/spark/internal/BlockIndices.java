package io.alchemist.spark.internal;

import java.util.BitSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.storage.RDDBlockId;
import org.jspecify.annotations.Nullable;

/**
 * Gives blocks their number in the RDD. Executors share the RDD but no number, since Spark takes equal ids on two executors
 * for copies of one block and replicates them: the upper bits are the executor's, the lower ones are used again when a block
 * is gone. Thread-safe: all tiers of a JVM share one for each RDD.
 */
final class BlockIndices {
  /** Blocks of one executor at a time: with 2,048 executors, all that fit the numbers of an RDD. */
  static final int PER_EXECUTOR = 1 << 20;

  private static final int EXECUTORS = 1 << 11;
  private static final Map<String, BlockIndices> SHARED = new ConcurrentHashMap<>();

  private final int rddId;
  private final int first;
  private final BitSet used = new BitSet();
  private int next;

  BlockIndices(int rddId, String executorId) {
    this.rddId = rddId;
    this.first = slot(executorId) * PER_EXECUTOR;
  }

  /**
   * Those of an RDD in this JVM.
   *
   * @param executorId as Spark names it: a number in a cluster, {@code driver} in local mode
   */
  static BlockIndices of(int rddId, String executorId) {
    return SHARED.computeIfAbsent(
        rddId + " " + executorId, key -> new BlockIndices(rddId, executorId));
  }

  private static int slot(String executorId) {
    try {
      return (int) (Long.parseLong(executorId) & (EXECUTORS - 1));
    } catch (NumberFormatException e) {
      return executorId.hashCode() & (EXECUTORS - 1);
    }
  }

  /** An id that no block has now, and that none had for as long as possible; null when all are in use. */
  synchronized @Nullable RDDBlockId take() {
    int at = used.nextClearBit(next);
    if (at >= PER_EXECUTOR) {
      at = used.nextClearBit(0);
    }
    if (at >= PER_EXECUTOR) {
      return null;
    }
    used.set(at);
    next = at + 1;
    return new RDDBlockId(rddId, first + at);
  }

  synchronized void free(RDDBlockId id) {
    used.clear(id.splitIndex() - first);
  }
}
