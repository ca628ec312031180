package io.alchemist.spark;

import io.alchemist.feedback.Tables;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.SparkSession;

/** The session that the tests of one JVM share: two threads, Delta, no UI and no plugin. */
public final class TestSpark {
  /** Of the session. */
  public static final long OFF_HEAP_BYTES = 32L << 20;

  private TestSpark() {}

  private static final class Shared {
    static final SparkSession SESSION = start();
  }

  /** The session; started by the first who asks, ended with the JVM. */
  public static SparkSession session() {
    return Shared.SESSION;
  }

  private static final class Empty {
    static final Path WAREHOUSE = create();

    private static Path create() {
      try {
        Path warehouse = Files.createTempDirectory("spark-tables");
        new Tables(session(), warehouse.toString()).create();
        return warehouse;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Empty tables in a directory: a copy of some that were created once, which takes Delta seconds. */
  public static Tables tables(Path warehouse) {
    try {
      FileUtils.copyDirectory(Empty.WAREHOUSE.toFile(), warehouse.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Tables(session(), warehouse.toString());
  }

  private static SparkSession start() {
    try {
      return SparkSession.builder()
          .master("local[2]")
          .appName("tests")
          .config("spark.ui.enabled", "false")
          .config("spark.ui.liveUpdate.period", "0")
          // Little off-heap memory, which queries can take nearly all of: the host tier's tests
          // want that.
          .config("spark.memory.offHeap.enabled", "true")
          .config("spark.memory.offHeap.size", Long.toString(OFF_HEAP_BYTES))
          .config("spark.memory.storageFraction", "0.05")
          .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
          .config(
              "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
          .config("spark.sql.shuffle.partitions", "2")
          .config("spark.databricks.delta.snapshotPartitions", "2")
          .config("spark.sql.session.timeZone", "UTC")
          // A test's few rows are interpreted sooner than code for them is compiled.
          .config("spark.sql.codegen.wholeStage", "false")
          .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
          .config("spark.sql.adaptive.enabled", "false")
          .config("spark.driver.host", "127.0.0.1")
          .config(
              "spark.sql.warehouse.dir",
              Files.createTempDirectory("spark-warehouse").toString())
          .getOrCreate();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
