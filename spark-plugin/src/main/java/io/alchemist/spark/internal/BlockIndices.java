package io.alchemist.spark.internal;

import java.util.BitSet;
import org.apache.spark.storage.RDDBlockId;

/**
 * Gives blocks their number in the RDD. Executors share the RDD but no number, since Spark takes equal ids on two executors
 * for copies of one block and replicates them: the upper bits are the executor's, the lower ones are used again when a block
 * is gone. Not thread-safe.
 */
final class BlockIndices {
  /** Blocks of one executor at a time: with 2,048 executors, all that fit the numbers of an RDD. */
  static final int PER_EXECUTOR = 1 << 20;

  private static final int EXECUTORS = 1 << 11;

  private final int rddId;
  private final int first;
  private final BitSet used = new BitSet();
  private int next;

  /**
   * @param executorId as Spark names it: a number in a cluster, {@code driver} in local mode
   */
  BlockIndices(int rddId, String executorId) {
    this.rddId = rddId;
    this.first = slot(executorId) * PER_EXECUTOR;
  }

  private static int slot(String executorId) {
    try {
      return (int) (Long.parseLong(executorId) & (EXECUTORS - 1));
    } catch (NumberFormatException e) {
      return executorId.hashCode() & (EXECUTORS - 1);
    }
  }

  boolean isFull() {
    return used.cardinality() == PER_EXECUTOR;
  }

  /** An id that no block has now, and that none had for as long as possible. */
  RDDBlockId take() {
    int at = used.nextClearBit(next);
    if (at >= PER_EXECUTOR) {
      at = used.nextClearBit(0);
    }
    if (at >= PER_EXECUTOR) {
      throw new IllegalStateException("All " + PER_EXECUTOR + " numbers of blocks are in use");
    }
    used.set(at);
    next = at + 1;
    return new RDDBlockId(rddId, first + at);
  }

  void free(RDDBlockId id) {
    used.clear(id.splitIndex() - first);
  }
}
