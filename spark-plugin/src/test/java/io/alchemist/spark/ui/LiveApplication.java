package io.alchemist.spark.ui;

import java.io.IOException;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;
import org.jspecify.annotations.Nullable;

/**
 * A Spark application with the tab, in a JVM of its own, since a JVM has one SparkContext and the other tests' has no UI.
 * Attaches as the plugin does, posts {@link SampleHour} until now, prints {@code READY id address} and ends when its input
 * does. Arguments: a folder for the event log, and whether the UI is on.
 */
public final class LiveApplication {
  private LiveApplication() {}

  /** Runs it. */
  public static void main(String[] arguments) throws Exception {
    SparkConf conf = new SparkConf()
        .setMaster("local[2]")
        .setAppName("answers")
        .set("spark.ui.enabled", arguments[1])
        .set("spark.ui.port", "0")
        .set("spark.eventLog.enabled", "true")
        .set("spark.eventLog.dir", arguments[0])
        .set("spark.plugins", Plugin.class.getName());
    SparkContext context = new SparkContext(conf);
    try {
      SampleHour.until(System.currentTimeMillis()).forEach(context.listenerBus()::post);
      context.listenerBus().waitUntilEmpty();
      String address =
          context.uiWebUrl().isEmpty() ? "none" : context.uiWebUrl().get();
      System.out.println("READY " + context.applicationId() + " " + address);
      waitForEndOfInput();
    } finally {
      context.stop();
    }
  }

  private static void waitForEndOfInput() throws IOException {
    while (System.in.read() >= 0) {
      // Nothing is said on it.
    }
  }

  /** Attaches the tab where the real plugin does: before the scheduler exists. */
  public static final class Plugin implements SparkPlugin {
    @Override
    public DriverPlugin driverPlugin() {
      return new DriverPlugin() {
        @Override
        public Map<String, String> init(SparkContext context, PluginContext pluginContext) {
          AlchemistTab.attach(context);
          return Map.of();
        }
      };
    }

    @Override
    public @Nullable ExecutorPlugin executorPlugin() {
      return null;
    }
  }
}
