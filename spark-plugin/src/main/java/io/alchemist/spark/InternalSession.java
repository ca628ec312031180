package io.alchemist.spark;

import org.apache.spark.sql.SparkSession;

/** The session in which the job reads and writes its tables: the user's settings are left alone. */
final class InternalSession {
  private static final String EXTENSION = "io.delta.sql.DeltaSparkSessionExtension";
  private static final String CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog";
  /** The tables are small, and a round waits for every one of their jobs. */
  private static final String PARTITIONS = "2";

  private static final String SMALL_FILE = "16777216";
  private static final String LARGE_FILE = "33554432";

  private InternalSession() {}

  /**
   * Beside a session of the user's.
   *
   * @throws IllegalStateException when that has no Delta
   */
  static SparkSession of(SparkSession spark) {
    String extensions = spark.conf().get("spark.sql.extensions", "");
    String catalog = spark.conf().get("spark.sql.catalog.spark_catalog", "");
    if (!extensions.contains(EXTENSION) || !catalog.equals(CATALOG)) {
      throw new IllegalStateException(
          "The session has no Delta tables. Start it with spark.sql.extensions=" + EXTENSION
              + " and spark.sql.catalog.spark_catalog=" + CATALOG + ".");
    }
    SparkSession own = spark.newSession();
    own.conf().set("spark.sql.session.timeZone", "UTC");
    own.conf().set("spark.sql.shuffle.partitions", PARTITIONS);
    own.conf().set("spark.databricks.delta.snapshotPartitions", PARTITIONS);
    // No file of feedback shall be larger than what is read in one batch.
    own.conf().set("spark.databricks.delta.optimize.minFileSize", SMALL_FILE);
    own.conf().set("spark.databricks.delta.optimize.maxFileSize", LARGE_FILE);
    // Compiling code for a query takes longer than running it on so few rows.
    own.conf().set("spark.sql.codegen.wholeStage", "false");
    own.conf().set("spark.sql.codegen.factoryMode", "NO_CODEGEN");
    return own;
  }
}
