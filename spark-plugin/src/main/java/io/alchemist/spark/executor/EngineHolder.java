package io.alchemist.spark.executor;

import io.alchemist.spark.conf.AlchemistConf;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;

/**
 * How a task finds the engine of the process it runs in. The plugin puts it here; in local mode driver and executor share one
 * process, and so this. Thread-safe.
 */
public final class EngineHolder {
  private static CompletableFuture<ExecutorEngine> current = new CompletableFuture<>();

  private EngineHolder() {}

  /** The engine is there. */
  static synchronized void set(ExecutorEngine engine) {
    current.complete(engine);
  }

  /** There will be none. */
  static synchronized void fail(Exception why) {
    current.completeExceptionally(why);
  }

  /** There is none any more; another may come, where one process runs several applications in turn. */
  static synchronized void clear() {
    current.completeExceptionally(new IllegalStateException("The executor has been stopped."));
    current = new CompletableFuture<>();
  }

  private static synchronized CompletableFuture<ExecutorEngine> current() {
    return current;
  }

  /**
   * The engine of this process; waits while it is being started, as long as a job does.
   *
   * @throws IllegalStateException when there is none
   */
  public static ExecutorEngine await() throws InterruptedException {
    return await(Duration.ofMillis(AlchemistConf.START_TIMEOUT.in(SparkEnv.get().conf())));
  }

  /**
   * Likewise.
   *
   * @param limit for how long at most
   * @throws IllegalStateException when there is none
   */
  static ExecutorEngine await(Duration limit) throws InterruptedException {
    try {
      return current().get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IllegalStateException("This executor has no engine: " + message(e.getCause()), e);
    } catch (TimeoutException e) {
      throw new IllegalStateException(
          "This executor has had no engine for " + limit.toSeconds()
              + " s. Start the job with spark.plugins=io.alchemist.spark.AlchemistPlugin.",
          e);
    }
  }

  private static String message(@Nullable Throwable cause) {
    return cause == null ? "nobody knows why" : String.valueOf(cause.getMessage());
  }
}
