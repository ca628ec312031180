package io.alchemist.spark.internal;

import io.alchemist.spark.TestSpark;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.BlockManager;

/** The shared session's off-heap memory, of which queries can take nearly all. */
final class OffHeapSpark {
  static final long OFF_HEAP_BYTES = TestSpark.OFF_HEAP_BYTES;

  private OffHeapSpark() {}

  static SparkSession session() {
    return TestSpark.session();
  }

  static BlockManager blockManager() {
    return SparkEnv.get().blockManager();
  }

  /** A sort of some 120 bytes a row in two tasks, which takes all the off-heap memory it can get. */
  static void query(int rows) {
    session()
        .range(0, rows, 1, 2)
        .selectExpr("id", "repeat(cast(id % 977 as string), 24) as text")
        .sortWithinPartitions("text")
        .write()
        .format("noop")
        .mode(SaveMode.Overwrite)
        .save();
  }
}
