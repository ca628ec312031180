package io.alchemist.spark.internal;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.BlockManager;

/** A local Spark with little off-heap memory, which queries can take nearly all of; one for all tests of this JVM. */
final class OffHeapSpark {
  static final long OFF_HEAP_BYTES = 32L << 20;
  private static final String FLOOR = "0.05";

  private OffHeapSpark() {}

  /** The session; started anew when the JVM has another one, or none. */
  static synchronized SparkSession session() {
    SparkSession session =
        SparkSession.builder().config(conf()).master("local[2]").getOrCreate();
    SparkContext context = session.sparkContext();
    if (!FLOOR.equals(context.conf().get("spark.memory.storageFraction", ""))) {
      context.stop();
      session = SparkSession.builder().config(conf()).master("local[2]").getOrCreate();
    }
    return session;
  }

  static SparkConf conf() {
    return new SparkConf()
        .setAppName("host tier")
        .set("spark.ui.enabled", "false")
        .set("spark.ui.liveUpdate.period", "0")
        .set("spark.sql.shuffle.partitions", "2")
        .set("spark.memory.offHeap.enabled", "true")
        .set("spark.memory.offHeap.size", Long.toString(OFF_HEAP_BYTES))
        .set("spark.memory.storageFraction", FLOOR);
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
