package io.alchemist.feedback;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

/**
 * The streaming query on the table {@code feedback}. Rows that are appended come to a {@link BatchHandler}, all that are
 * there already at first. Commits of others that change or delete rows are passed over, rows that a MERGE adds included,
 * and compaction does not disturb it. When somebody adds a column to the table, Delta ends the query; started again, it goes on.
 * Thread-safe.
 */
public final class FeedbackStream implements AutoCloseable {
  /** Where Spark tells a batch's thread which query it works for. */
  private static final String QUERY_ID = "sql.streaming.queryId";

  private static final long IDLE_LOOK_MILLIS = 20;

  private final WakeUpSource.Signal signal;
  private final StreamingQuery query;

  private FeedbackStream(WakeUpSource.Signal signal, StreamingQuery query) {
    this.signal = signal;
    this.query = query;
  }

  /**
   * Starts the query, where its checkpoint ended.
   *
   * @param spark the session it runs in, with its settings of now
   * @param handler gets the batches
   */
  public static FeedbackStream start(
      SparkSession spark, Tables tables, StreamConfig config, BatchHandler handler) {
    WakeUpSource.Signal signal = WakeUpSource.Signal.open();
    try {
      Dataset<Row> rows = feedback(spark, tables, config)
          .union(spark
              .readStream()
              .format(WakeUpSource.class.getName())
              .option(WakeUpSource.SIGNAL, signal.id())
              .load());
      VoidFunction2<Dataset<Row>, Long> handle =
          (batch, batchId) -> handler.handle(batch, queryId(batch.sparkSession()), batchId);
      StreamingQuery query = rows.writeStream()
          .queryName("alchemist-feedback")
          .option("checkpointLocation", config.checkpointDir())
          .trigger(Trigger.ProcessingTime(config.triggerMillis()))
          .foreachBatch(handle)
          .start();
      return new FeedbackStream(signal, query);
    } catch (TimeoutException e) {
      signal.close();
      throw new IllegalStateException(
          "The feedback query did not start in time; spark.sql.streaming.* sets that.", e);
    } catch (RuntimeException e) {
      signal.close();
      throw e;
    }
  }

  /** The running query. */
  public StreamingQuery query() {
    return query;
  }

  /** Asks for a batch though there may be no new rows. Several calls before the next trigger cause one batch. */
  public void wakeUp() {
    signal.raise();
  }

  /**
   * Waits until no batch is being handled.
   *
   * @return whether that was so within the limit; new rows may begin another batch at any time
   */
  public boolean awaitIdle(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (query.isActive() && query.status().isTriggerActive()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      TimeUnit.MILLISECONDS.sleep(IDLE_LOOK_MILLIS); // Spark tells nobody when a trigger ends
    }
    return true;
  }

  /** Stops the query; a batch that is being handled is interrupted, and comes again at the next start. */
  @Override
  public void close() {
    try {
      query.stop();
    } catch (TimeoutException e) {
      throw new IllegalStateException(
          "The feedback query did not stop in time: its batch does not heed interrupts.", e);
    } finally {
      signal.close();
    }
  }

  private static Dataset<Row> feedback(SparkSession spark, Tables tables, StreamConfig config) {
    return spark
        .readStream()
        .format("delta")
        .option("skipChangeCommits", "true")
        .option("maxFilesPerTrigger", Integer.toString(config.maxFilesPerTrigger()))
        .load(tables.path(Table.FEEDBACK))
        .select(Table.FEEDBACK.columns());
  }

  private static String queryId(SparkSession spark) {
    return Objects.requireNonNull(
        spark.sparkContext().getLocalProperty(QUERY_ID), "Spark did not say which query this is");
  }
}
