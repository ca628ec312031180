package io.alchemist.spark.internal;

import org.apache.spark.util.ShutdownHookManager;
import scala.runtime.BoxedUnit;

/** What is done when the process is told to end, while Spark is still whole. */
public final class ShutdownHook {
  /** Spark's context ends at 50; higher numbers come first. */
  private static final int BEFORE_THE_CONTEXT = 60;

  private ShutdownHook() {}

  /**
   * Has it run before Spark's context ends. A hook of the JVM's own would run at the same time.
   *
   * @param work may take half a minute, after which Hadoop's manager of these hooks interrupts it
   */
  public static void add(Runnable work) {
    Object unused = ShutdownHookManager.addShutdownHook(BEFORE_THE_CONTEXT, () -> {
      work.run();
      return BoxedUnit.UNIT;
    });
  }
}
