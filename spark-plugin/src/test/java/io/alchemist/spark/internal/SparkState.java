package io.alchemist.spark.internal;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.storage.BlockInfo;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.storage.RDDBlockId;
import scala.Option;
import scala.collection.Iterator;

/** What this JVM's block manager says of an RDD's blocks. */
final class SparkState {
  /** The writer of a block that nobody writes. */
  private static final long UNLOCKED = -1;

  private SparkState() {}

  static List<RDDBlockId> blocks(int rddId) {
    List<RDDBlockId> ids = new ArrayList<>();
    Iterator<?> all = OffHeapSpark.blockManager()
        .getMatchingBlockIds(id -> id instanceof RDDBlockId rdd && rdd.rddId() == rddId)
        .iterator();
    while (all.hasNext()) {
      ids.add((RDDBlockId) all.next());
    }
    return ids.stream().distinct().toList();
  }

  static long memoryBytes(int rddId) {
    return statuses(rddId).stream().mapToLong(BlockStatus::memSize).sum();
  }

  static long diskBytes(int rddId) {
    return statuses(rddId).stream().mapToLong(BlockStatus::diskSize).sum();
  }

  private static List<BlockStatus> statuses(int rddId) {
    BlockManager manager = OffHeapSpark.blockManager();
    List<BlockStatus> all = new ArrayList<>();
    for (RDDBlockId id : blocks(rddId)) {
      if (manager.getStatus(id).isDefined()) {
        all.add(manager.getStatus(id).get());
      }
    }
    return all;
  }

  /** Locks on the RDD's blocks. */
  static int locks(int rddId) {
    int count = 0;
    for (RDDBlockId id : blocks(rddId)) {
      Option<BlockInfo> info = OffHeapSpark.blockManager().blockInfoManager().get(id);
      if (info.isDefined()) {
        count += info.get().readerCount() + (info.get().writerTask() == UNLOCKED ? 0 : 1);
      }
    }
    return count;
  }
}
