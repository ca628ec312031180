package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The tables in one warehouse: creates, reads, appends. Thread-safe. */
public final class Tables {
  private static final Logger LOG = LoggerFactory.getLogger(Tables.class);
  private static final int CREATE_ATTEMPTS = 10;
  private static final long CREATE_PAUSE_MILLIS = 200;

  private static final String SPARK_LOG_STORE = "spark.delta.logStore.";
  private static final String KERNEL_LOG_STORE = "io.delta.kernel.logStore.";
  /** So many small files are made into one. */
  private static final int APPENDS_PER_COMPACTION = 50;

  private final SparkSession spark;
  private final String warehouse;
  private final int appendsPerCompaction;
  private final TableUpkeep upkeep = new TableUpkeep();
  private final DeltaAppender appender;

  /**
   * Names the place; touches nothing.
   *
   * @param spark a session with Delta's extension and catalog
   * @param warehouse directory or object-store prefix that the tables lie in
   */
  public Tables(SparkSession spark, String warehouse) {
    this(spark, warehouse, APPENDS_PER_COMPACTION);
  }

  /** Likewise, compacting a table after so many appends. */
  Tables(SparkSession spark, String warehouse, int appendsPerCompaction) {
    this.appendsPerCompaction = appendsPerCompaction;
    this.spark = spark;
    this.warehouse =
        warehouse.endsWith("/") ? warehouse.substring(0, warehouse.length() - 1) : warehouse;
    this.appender = new DeltaAppender(hadoop(spark), upkeep);
  }

  /** File systems and log stores as Spark's own tables have them: Hadoop's settings, over them the session's. */
  private static Configuration hadoop(SparkSession spark) {
    Configuration hadoop = new Configuration(spark.sparkContext().hadoopConfiguration());
    spark.conf().getAll().foreach(entry -> {
      String key = entry._1();
      hadoop.set(key, entry._2());
      if (key.startsWith(SPARK_LOG_STORE)) {
        hadoop.set(KERNEL_LOG_STORE + key.substring(SPARK_LOG_STORE.length()), entry._2());
      }
      return null;
    });
    if (hadoop.get(SPARK_LOG_STORE + "class") != null) {
      throw new IllegalStateException(SPARK_LOG_STORE + "class is set, which holds for Spark alone."
          + " Set " + SPARK_LOG_STORE + "<scheme>.impl instead, for the scheme of the warehouse.");
    }
    return hadoop;
  }

  /** The session that reads and writes. */
  public SparkSession spark() {
    return spark;
  }

  /** Where a table lies. */
  public String path(Table table) {
    return warehouse + "/" + table.tableName();
  }

  /**
   * Creates the tables that are missing and checks the others, adding columns that an earlier version of this program
   * did not know. Others may do the same at the same time.
   *
   * @throws IllegalStateException if a table exists with other columns, or can't be appended to
   */
  public void create() {
    for (Table table : Table.values()) {
      create(table);
      appender.check(table, path(table));
    }
  }

  /** All rows, with the columns of {@link Table#schema}; others that somebody added are left out. */
  public Dataset<Row> read(Table table) {
    return spark.read().format("delta").load(path(table)).select(table.columns());
  }

  /**
   * Appends rows with the columns of {@link Table#schema}, in that order, as one file; nothing where {@code txn} was done before.
   * No Spark job: what is appended is durable within a fraction of a second, however busy the executors are.
   *
   * @throws IllegalArgumentException if a row lacks a value that is required
   */
  public void append(Table table, List<Row> rows, Txn txn) {
    if (rows.isEmpty()) {
      return;
    }
    long version = appender.append(table, path(table), rows, txn);
    if (version % appendsPerCompaction == 0) {
      upkeep.later(() -> compact(table));
    }
  }

  /** Makes small files into larger ones; readers and writers are not disturbed. */
  private void compact(Table table) {
    // The thread may have been started by one of a streaming query's, and is none of its.
    spark.sparkContext().clearJobGroup();
    spark.sql("OPTIMIZE " + identifier(table));
  }

  /** Strings as a small table to join with: a filter with thousands of literals takes Spark longer to plan than to run. */
  Dataset<Row> strings(String column, Collection<String> values) {
    List<Row> rows = values.stream().map(RowFactory::create).toList();
    return broadcast(
        spark.createDataFrame(rows, new StructType().add(column, DataTypes.StringType)));
  }

  private void create(Table table) {
    for (int attempt = 1; ; attempt++) {
      try {
        spark.sql(ddl(table));
        check(table, spark.read().format("delta").load(path(table)).schema());
        return;
      } catch (IllegalStateException e) {
        throw e; // found by the check
      } catch (Exception e) { // some are checked, though Scala does not say so
        // Another process may be at it, and Delta has many exceptions for that.
        if (attempt == CREATE_ATTEMPTS) {
          throw new IllegalStateException(
              "The table " + table.tableName() + " cannot be created in " + path(table) + ".", e);
        }
        LOG.debug("Table {} was not created at attempt {}", table.tableName(), attempt, e);
        pause();
      }
    }
  }

  private static void pause() {
    try {
      Thread.sleep(CREATE_PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while the tables were created.", e);
    }
  }

  private String ddl(Table table) {
    String properties = table.properties().entrySet().stream()
        .map(property -> "'" + property.getKey() + "' = '" + property.getValue() + "'")
        .collect(Collectors.joining(", "));
    return "CREATE TABLE IF NOT EXISTS " + identifier(table) + " ("
        + table.schema().toDDL() + ") USING delta COMMENT '" + table.comment().replace("'", "\\'")
        + "' TBLPROPERTIES ("
        + properties + ")";
  }

  private String identifier(Table table) {
    return "delta.`" + path(table).replace("`", "``") + "`";
  }

  private void check(Table table, StructType found) {
    List<String> wrong = new ArrayList<>();
    List<StructField> missing = new ArrayList<>();
    for (StructField field : table.schema().fields()) {
      if (!List.of(found.fieldNames()).contains(field.name())) {
        if (table.later().contains(field.name())) {
          missing.add(field);
        } else {
          wrong.add(field.name() + " is missing");
        }
      } else if (!found.apply(field.name()).dataType().sameType(field.dataType())) {
        wrong.add(field.name() + " is " + found.apply(field.name()).dataType().simpleString()
            + ", not " + field.dataType().simpleString());
      }
    }
    if (!wrong.isEmpty()) {
      throw new IllegalStateException("The table in " + path(table) + " has other columns than "
          + table.tableName() + " needs: " + String.join("; ", wrong)
          + ". Move it away, or choose another warehouse.");
    }
    if (!missing.isEmpty()) {
      StructType columns = new StructType(missing.toArray(new StructField[0]));
      spark.sql("ALTER TABLE " + identifier(table) + " ADD COLUMNS (" + columns.toDDL() + ")");
    }
  }
}
