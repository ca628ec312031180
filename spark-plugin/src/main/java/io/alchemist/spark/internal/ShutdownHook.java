package io.alchemist.spark.internal;

import org.apache.spark.util.ShutdownHookManager;
import scala.runtime.AbstractFunction0;
import scala.runtime.BoxedUnit;

/** Something to be done when the process is told to end, while Spark still runs: the JVM's own hooks run beside Spark's. */
public final class ShutdownHook implements AutoCloseable {
  /** A local executor stops at the default priority, the context later. */
  private static final int BEFORE_SPARK = ShutdownHookManager.DEFAULT_SHUTDOWN_PRIORITY() + 50;

  private final Object hook;

  /** Adds it; what it throws is logged by Spark. */
  public ShutdownHook(Runnable action) {
    this.hook =
        ShutdownHookManager.addShutdownHook(BEFORE_SPARK, new AbstractFunction0<BoxedUnit>() {
          @Override
          public BoxedUnit apply() {
            action.run();
            return BoxedUnit.UNIT;
          }
        });
  }

  /** Takes it away again; does nothing while the process ends. */
  @Override
  public void close() {
    if (!ShutdownHookManager.inShutdown()) {
      boolean unused = ShutdownHookManager.removeShutdownHook(hook);
    }
  }
}
