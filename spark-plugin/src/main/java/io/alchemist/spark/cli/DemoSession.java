package io.alchemist.spark.cli;

import io.alchemist.spark.AlchemistPlugin;
import io.alchemist.spark.demo.DemoConfig;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/** Spark as the demo wants it: small, on one machine, with the plugin and Delta. */
final class DemoSession {
  private DemoSession() {}

  static SparkSession start(String master, int port, Path model, Path warehouse) {
    boolean cluster = master.startsWith("local-cluster");
    SparkSession.Builder builder = SparkSession.builder()
        .appName("Alchemist demo")
        .master(master)
        .config("spark.plugins", AlchemistPlugin.class.getName())
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.warehouse.dir", warehouse.resolve("spark").toString())
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.memory.offHeap.enabled", "true")
        .config("spark.memory.offHeap.size", "256m")
        .config("spark.ui.showConsoleProgress", "false")
        // New feedback makes a round as soon as the last one has ended.
        .config("spark.alchemist.round.interval", "0s")
        .config("spark.alchemist.reuse.auditFraction", "0.25")
        // A busy machine shall not keep training waiting.
        .config("spark.alchemist.serve.trainingPatience", "50ms")
        .config("spark.alchemist.train.learningRate", "0.0007")
        // Users write of turns that never were, and the demo is short.
        .config("spark.alchemist.feedback.wait", "15s")
        .config("spark.alchemist.memory.host", "128m")
        .config("spark.alchemist.memory.device", cluster ? "1g" : "2g")
        .config("spark.alchemist.model", model.toString())
        .config("spark.alchemist.warehouse", warehouse.toString())
        .config("spark.alchemist.router.port", Integer.toString(port));
    if (cluster) {
      builder
          .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
          .config(
              "spark.executor.extraJavaOptions",
              "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile", ""))
          .config("spark.alchemist.engine.threads", "1")
          .config("spark.alchemist.executors.min", executors(master));
    }
    return builder.getOrCreate();
  }

  /** The first number of {@code local-cluster[executors,cores,memory]}. */
  private static String executors(String master) {
    return master.replaceAll("local-cluster\\[\\s*(\\d+).*", "$1");
  }

  static DemoConfig demoConfig(boolean otherModel, long seed, @Nullable Double seconds) {
    DemoConfig config = otherModel ? DemoConfig.forAnyModel(seed) : DemoConfig.defaults(seed);
    return seconds == null ? config : config.within(seconds);
  }
}
