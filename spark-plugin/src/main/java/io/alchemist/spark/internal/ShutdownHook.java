package io.alchemist.spark.internal;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.util.ShutdownHookManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Something to be done when the process is told to end, while Spark still runs: the JVM's own hooks run beside Spark's. Added to
 * Hadoop's hooks, of which all of Spark's together are one that gets 30 seconds; this one gets the time that it asks for.
 */
public final class ShutdownHook implements AutoCloseable {

  /** What comes first where driver and executor are one process. */
  public enum Of {
    /** The job ends while its executors still serve. */
    JOB(60),
    /** Before Spark stops the executor. */
    EXECUTOR(50);

    private final int abovePriorityOfFiles;

    Of(int abovePriorityOfFiles) {
      this.abovePriorityOfFiles = abovePriorityOfFiles;
    }
  }

  private static final Logger LOG = LoggerFactory.getLogger(ShutdownHook.class);

  private final Runnable hook;

  /**
   * Adds it; what it throws is logged by Hadoop.
   *
   * @param limit it is interrupted after so long
   */
  public ShutdownHook(Of of, Runnable action, Duration limit) {
    this.hook = action;
    ShutdownHookManager.get()
        .addShutdownHook(
            hook,
            FileSystem.SHUTDOWN_HOOK_PRIORITY + of.abovePriorityOfFiles,
            limit.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  /** Takes it away again; does nothing while the process ends. */
  @Override
  public void close() {
    ShutdownHookManager hooks = ShutdownHookManager.get();
    if (!hooks.isShutdownInProgress()) {
      try {
        boolean unused = hooks.removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        LOG.debug("The process has just begun to end", e);
      }
    }
  }
}
