package io.alchemist.spark;

import io.alchemist.feedback.FeedbackStream;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
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
  static final int MAX_FAILURES = 5;
  static final long FIRST_PAUSE_MILLIS = 1_000;
  /** A stream that ran for so long before it failed had recovered, though nothing new may have come: no round takes that long. */
  private static final long RECOVERED_NANOS = TimeUnit.HOURS.toNanos(1);

  private final Supplier<Stream> starter;
  private final Runnable onGivenUp;
  private final LongSupplier progress;
  private final long firstPauseMillis;
  private final Thread thread;
  private volatile Stream stream;
  private volatile boolean closing;
  private volatile @Nullable Exception failure;

  /** What is kept going. */
  interface Stream extends AutoCloseable {
    /** Waits until it ends. */
    void awaitEnd() throws StreamingQueryException;

    /** Asks for a batch though there may be nothing new. */
    void wakeUp();

    /** Lets the batch under way end, for at most so long; no other begins. */
    void finish(Duration limit) throws InterruptedException;

    @Override
    void close();

    /** The stream of feedback. */
    static Stream of(FeedbackStream feedback) {
      return new Stream() {
        @Override
        public void awaitEnd() throws StreamingQueryException {
          feedback.query().awaitTermination();
        }

        @Override
        public void wakeUp() {
          feedback.wakeUp();
        }

        @Override
        public void finish(Duration limit) throws InterruptedException {
          if (!feedback.finish(limit)) {
            LOG.warn("A round under way is given up; it comes again at the next start");
          }
        }

        @Override
        public void close() {
          feedback.close();
        }
      };
    }
  }

  /**
   * Starts the stream.
   *
   * @param starter starts it from its checkpoint
   * @param onGivenUp called when it has failed too often
   * @param progress batches done so far: a failure after another one was done is the first in a row
   * @param firstPauseMillis before an attempt after none has failed; doubled by every failure in a row
   */
  StreamSupervisor(
      Supplier<Stream> starter, Runnable onGivenUp, LongSupplier progress, long firstPauseMillis) {
    this.starter = starter;
    this.onGivenUp = onGivenUp;
    this.progress = progress;
    this.firstPauseMillis = firstPauseMillis;
    this.stream = starter.get();
    this.thread = new Thread(this::supervise, "alchemist-feedback-supervisor");
    thread.setDaemon(true);
    thread.start();
  }

  /** Asks for a batch though there may be nothing new. */
  void wakeUp() {
    stream.wakeUp();
  }

  /** Lets the round under way end, for at most so long; no other begins, but where the stream is just being started again. */
  void finish(Duration limit) throws InterruptedException {
    if (failure == null) {
      stream.finish(limit);
    }
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
    long done = progress.getAsLong();
    for (boolean first = true; !closing; first = false) {
      long start = System.nanoTime();
      try {
        awaitEnd(first);
        if (!closing) {
          LOG.warn("The feedback stream was stopped from outside; it is started again");
        }
      } catch (Exception e) { // Spark throws checked ones that it doesn't declare
        if (closing) {
          return;
        }
        boolean recovered =
            progress.getAsLong() > done || System.nanoTime() - start > RECOVERED_NANOS;
        failures = recovered ? 1 : failures + 1;
        done = progress.getAsLong();
        if (failures == MAX_FAILURES) {
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
      try {
        TimeUnit.MILLISECONDS.sleep(firstPauseMillis << failures); // for what failed to recover
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void awaitEnd(boolean first) throws StreamingQueryException {
    if (!first) {
      stream.close();
      stream = starter.get();
    }
    if (!closing) { // who closes interrupts, which the start may not have noticed
      stream.awaitEnd();
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
