package io.alchemist.spark;

import io.alchemist.feedback.FeedbackStream;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the feedback stream going: when a batch fails, e.g. because executors were lost, it is tried again from the checkpoint, some
 * times, with growing pauses; serving goes on meanwhile. Thread-safe.
 */
final class StreamSupervisor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StreamSupervisor.class);
  private static final int MAX_FAILURES = 5;
  private static final long FIRST_PAUSE_MILLIS = 1_000;
  /** A stream that ran for so long before it failed had recovered. */
  private static final long RECOVERED_NANOS = TimeUnit.MINUTES.toNanos(5);

  private final Supplier<FeedbackStream> starter;
  private final Runnable onGivenUp;
  private final Thread thread;
  private volatile FeedbackStream stream;
  private volatile boolean closing;
  private volatile @Nullable Exception failure;

  /**
   * Starts the stream.
   *
   * @param starter starts it from its checkpoint
   * @param onGivenUp called when it has failed too often
   */
  StreamSupervisor(Supplier<FeedbackStream> starter, Runnable onGivenUp) {
    this.starter = starter;
    this.onGivenUp = onGivenUp;
    this.stream = starter.get();
    this.thread = new Thread(this::supervise, "alchemist-feedback-supervisor");
    thread.setDaemon(true);
    thread.start();
  }

  /** Asks for a batch though there may be nothing new. */
  void wakeUp() {
    stream.wakeUp();
  }

  /** Throws what made the stream end, if it was given up. */
  void throwFailure() {
    Exception why = failure;
    if (why != null) {
      throw new IllegalStateException(
          "Feedback can't be processed: " + why.getMessage()
              + " What was not trained is kept and comes again at the next start.",
          why);
    }
  }

  private void supervise() {
    int failures = 0;
    while (!closing) {
      long start = System.nanoTime();
      try {
        stream.query().awaitTermination();
        if (closing) {
          return;
        }
        LOG.warn("The feedback stream was stopped from outside; it is started again");
      } catch (StreamingQueryException e) {
        if (closing) {
          return;
        }
        failures = System.nanoTime() - start > RECOVERED_NANOS ? 1 : failures + 1;
        if (failures >= MAX_FAILURES) {
          failure = e;
          LOG.error("The feedback stream failed {} times in a row; the job ends", failures, e);
          onGivenUp.run();
          return;
        }
        LOG.warn(
            "The feedback stream failed, {} times in a row; it goes on from its checkpoint",
            failures,
            e);
      }
      restart(failures);
    }
  }

  private void restart(int failures) {
    try {
      TimeUnit.MILLISECONDS.sleep(FIRST_PAUSE_MILLIS << failures); // for what failed to recover
      if (!closing) {
        stream.close();
        stream = starter.get();
      }
    } catch (InterruptedException e) {
      closing = true;
    }
  }

  @Override
  public void close() {
    closing = true;
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    stream.close();
  }
}
