package io.alchemist.spark;

import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The session of a test that runs a whole job: with the plugin, Delta and the embedded model. A JVM has one SparkContext, so
 * such a test is named {@code *JobTest}, by which it gets a JVM of its own.
 */
final class JobSession {
  private JobSession() {}

  /**
   * Starts it; stopping is the caller's.
   *
   * @param directory for the tables, the checkpoint and what Spark writes
   * @param settings beyond the usual
   * @throws IllegalStateException when this JVM has a SparkContext already
   */
  static SparkSession start(Path directory, Map<String, Object> settings) {
    Option<SparkSession> active = SparkSession.getDefaultSession();
    if (active.isDefined()) {
      throw new IllegalStateException(
          "This JVM runs \"" + active.get().sparkContext().appName()
              + "\" already, and a plugin can't be added to it. Name the test *JobTest, or stop the other.");
    }
    return SparkSession.builder()
        .master("local[2]")
        .appName("job test")
        .config("spark.plugins", AlchemistPlugin.class.getName())
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.warehouse.dir", directory.resolve("spark").toString())
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.databricks.delta.snapshotPartitions", 2)
        .config("spark.ui.enabled", false)
        .config("spark.alchemist.model", Path.of("..", "models", "help-desk").toString())
        .config("spark.alchemist.warehouse", directory.resolve("alchemist").toString())
        .config("spark.alchemist.router.port", 0)
        .config("spark.alchemist.memory.device", "512m")
        .config(scala.collection.immutable.Map.from(CollectionConverters.asScala(settings)))
        .getOrCreate();
  }
}
