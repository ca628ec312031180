package io.alchemist.spark.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A system outside that collects feedback and appends it to the table every now and then, some rows at once. Rows whose append
 * failed are appended again, so some may be there twice. {@link #give} may be called by any thread.
 */
final class OutsideSystem implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutsideSystem.class);
  private static final int MAX_WAITING = 10_000;
  private static final int LAST_ATTEMPTS = 3;
  private static final long CLOSE_TIMEOUT_MILLIS = 30_000;

  private final FeedbackTable table;
  private final long intervalMillis;
  private final BlockingQueue<OutsideFeedback> waiting = new ArrayBlockingQueue<>(MAX_WAITING);
  private final LongAdder appended;
  private final Thread thread;
  /** Waited on instead of interrupting the thread: an append must not be broken off. */
  private final CountDownLatch closing = new CountDownLatch(1);

  /**
   * A system that begins at once.
   *
   * @param appended counts the rows that are in the table
   */
  OutsideSystem(FeedbackTable table, long intervalMillis, LongAdder appended) {
    this.table = table;
    this.intervalMillis = intervalMillis;
    this.appended = appended;
    this.thread = DemoThreads.named("outside-system").newThread(this::run);
    thread.start();
  }

  /** Queues a row; false where too many wait. */
  boolean give(OutsideFeedback row) {
    return waiting.offer(row);
  }

  private void run() {
    List<OutsideFeedback> rows = new ArrayList<>();
    int failedLast = 0;
    while (closing.getCount() > 0 || !waiting.isEmpty() || !rows.isEmpty()) {
      waiting.drainTo(rows, MAX_WAITING - rows.size());
      if (!rows.isEmpty()) {
        try {
          table.append(List.copyOf(rows));
          appended.add(rows.size());
          rows.clear();
        } catch (RuntimeException e) {
          LOG.warn("Appending {} rows of feedback failed; they are tried again", rows.size(), e);
          if (closing.getCount() == 0 && ++failedLast == LAST_ATTEMPTS) {
            return;
          }
        }
      }
      pause();
    }
  }

  private void pause() {
    try {
      closing.await(intervalMillis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      LOG.debug("Nobody interrupts this thread", e);
    }
  }

  /** Appends what waits, and ends. */
  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join(CLOSE_TIMEOUT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
