package io.alchemist.spark.internal;

import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListenerEvent;

/** Spark's listener bus, which only Spark may post to by its own rules. */
public final class ListenerBus {
  private ListenerBus() {}

  /** Posts an event; dropped where the application has stopped. */
  public static void post(SparkContext context, SparkListenerEvent event) {
    context.listenerBus().post(event);
  }
}
