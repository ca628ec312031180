package io.alchemist.feedback;

import java.nio.file.Path;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.sql.SparkSession;

/** The one session of this JVM's tests, and what can be measured of it. */
final class TestSpark {
  private static final long BUS_MILLIS = 10_000;
  private static final AtomicLong JOBS = new AtomicLong();
  private static final SparkSession SESSION = start();

  private TestSpark() {}

  static SparkSession session() {
    return SESSION;
  }

  /** Tables in a new warehouse. */
  static Tables tables(Path directory) {
    Tables tables = new Tables(SESSION, directory.resolve("warehouse").toString());
    tables.create();
    return tables;
  }

  /** Jobs started so far. */
  static long jobs() throws TimeoutException {
    SESSION.sparkContext().listenerBus().waitUntilEmpty(BUS_MILLIS);
    return JOBS.get();
  }

  private static SparkSession start() {
    SparkSession spark = SparkSession.builder()
        .master("local[2]")
        .appName("feedback-ingest tests")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.databricks.delta.snapshotPartitions", "2")
        .config("spark.sql.shuffle.partitions", "2")
        // Every plan here runs once, over a few rows: compiling it takes longer than interpreting
        // it.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.session.timeZone", "UTC")
        .config(
            "spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir") + "/spark-warehouse")
        .getOrCreate();
    spark.sparkContext().setLogLevel("WARN");
    spark.sparkContext().addSparkListener(new SparkListener() {
      @Override
      public void onJobStart(SparkListenerJobStart job) {
        JOBS.incrementAndGet();
      }
    });
    return spark;
  }
}
