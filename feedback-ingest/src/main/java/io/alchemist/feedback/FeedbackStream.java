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

  /** A batch's ids come to the driver: files of about this size together, at least one. */
  private static final String MAX_BYTES_PER_TRIGGER = "32m";

  private final WakeUpSource.Signal signal;
  private final Door door;
  private final StreamingQuery query;

  private FeedbackStream(WakeUpSource.Signal signal, Door door, StreamingQuery query) {
    this.signal = signal;
    this.door = door;
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
    Door door = new Door();
    try {
      Dataset<Row> rows = feedback(spark, tables, config)
          .union(spark
              .readStream()
              .format(WakeUpSource.class.getName())
              .option(WakeUpSource.SIGNAL, signal.id())
              .load());
      VoidFunction2<Dataset<Row>, Long> handle = (batch, batchId) -> {
        door.enter();
        try {
          handler.handle(batch, queryId(batch.sparkSession()), batchId);
        } finally {
          door.leave();
        }
      };
      StreamingQuery query = rows.writeStream()
          .queryName("alchemist-feedback")
          .option("checkpointLocation", config.checkpointDir())
          .trigger(Trigger.ProcessingTime(config.triggerMillis()))
          .foreachBatch(handle)
          .start();
      return new FeedbackStream(signal, door, query);
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
   * Lets the batch under way end; no other begins from now on.
   *
   * @return whether it ended within the limit
   */
  public boolean finish(Duration limit) throws InterruptedException {
    return door.close(limit);
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
        .option("maxBytesPerTrigger", MAX_BYTES_PER_TRIGGER)
        .load(tables.path(Table.FEEDBACK))
        .select(Table.FEEDBACK.columns());
  }

  private static String queryId(SparkSession spark) {
    return Objects.requireNonNull(
        spark.sparkContext().getLocalProperty(QUERY_ID), "Spark did not say which query this is");
  }

  /** What batches go through. Once it is closed, whoever would enter waits until the query is stopped. */
  private static final class Door {
    private boolean closed;
    private boolean busy;

    synchronized void enter() throws InterruptedException {
      while (closed) {
        wait();
      }
      busy = true;
    }

    synchronized void leave() {
      busy = false;
      notifyAll();
    }

    synchronized boolean close(Duration limit) throws InterruptedException {
      closed = true;
      long deadline = System.nanoTime() + limit.toNanos();
      long left = limit.toMillis();
      while (busy && left > 0) {
        wait(left);
        left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      }
      return !busy;
    }
  }
}
