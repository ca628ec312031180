package io.alchemist.feedback;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What tables need now and then, so that many small appends don't make them slow: checkpoints of their logs, and small files
 * made into larger ones. Done by a thread of its own, since appends must not wait for it. What fails or is left out is made
 * good the next time. Thread-safe.
 */
final class TableUpkeep {
  private static final Logger LOG = LoggerFactory.getLogger(TableUpkeep.class);
  private static final int MOST_WAITING = 32;
  private static final long IDLE_SECONDS = 10;

  private final ThreadPoolExecutor thread;

  /** A piece of work. */
  interface Work {
    /** Does it. */
    void run() throws Exception;
  }

  TableUpkeep() {
    this.thread = new ThreadPoolExecutor(
        1,
        1,
        IDLE_SECONDS,
        TimeUnit.SECONDS,
        new ArrayBlockingQueue<>(MOST_WAITING),
        work -> {
          Thread upkeep = new Thread(work, "alchemist-table-upkeep");
          upkeep.setDaemon(true);
          return upkeep;
        },
        new ThreadPoolExecutor.DiscardPolicy());
    thread.allowCoreThreadTimeOut(true);
  }

  /** Does something by and by. */
  void later(Work work) {
    thread.execute(() -> {
      try {
        work.run();
      } catch (Exception e) { // Spark and Delta throw checked ones that they don't declare
        LOG.warn("A table could not be checkpointed or compacted; it is tried again later", e);
      }
    });
  }
}
