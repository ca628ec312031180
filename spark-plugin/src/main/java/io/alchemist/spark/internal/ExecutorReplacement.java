package io.alchemist.spark.internal;

import org.apache.spark.SparkContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has Spark end an executor and start another, which it does by itself only where a process dies. */
public final class ExecutorReplacement {
  private static final Logger LOG = LoggerFactory.getLogger(ExecutorReplacement.class);

  private ExecutorReplacement() {}

  /** Ends an executor, where the cluster manager can. */
  public static void replace(SparkContext context, String executorId) {
    if (context.isStopped()) {
      return; // and all executors with it
    }
    try {
      if (context.killAndReplaceExecutor(executorId)) {
        LOG.warn("Executor {} is replaced, as its engine has stopped", executorId);
        return;
      }
    } catch (RuntimeException e) {
      LOG.debug("The cluster manager did not answer", e);
    }
    LOG.error(
        "The engine of executor {} has stopped, and the cluster manager can't replace the executor: end it by hand",
        executorId);
  }
}
