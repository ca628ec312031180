package io.alchemist.spark.cli;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.alchemist.files.Checkpoint;
import io.alchemist.files.ModelFiles;
import io.alchemist.spark.AlchemistPlugin;
import io.alchemist.spark.demo.DemoConfig;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/** Spark as the demo wants it: small, on one machine, with the plugin and Delta. */
final class DemoSession {
  private static final long MIB = 1L << 20;
  private static final long HOST_BYTES = 128 * MIB;
  /** Direct memory of Spark, Netty and Arrow. */
  private static final long OTHER_DIRECT_BYTES = 512 * MIB;
  /** Beside the weights: versions of the adapter, keys and values, activations, a training pass. */
  private static final long LEAST_DEVICE_BYTES = 2_048 * MIB;

  private static final long LEAST_DEVICE_BYTES_IN_CLUSTER = 1_024 * MIB;
  /** All but the weights grows with the model, too. */
  private static final long DEVICE_BYTES_PER_WEIGHT_BYTE = 4;
  /** A step of decoding reads all weights, by two cores at about this speed. */
  private static final double WEIGHT_BYTES_PER_MILLI = 10e6;

  private static final double DECODE_STEPS_PER_TOKEN = 4;
  private static final long LEAST_TOKEN_MILLIS = 50;

  private static final double CLUSTER_FACTOR = 3;

  private DemoSession() {}

  static SparkSession start(String master, int port, @Nullable Path otherModel, Path warehouse) {
    return SparkSession.builder()
        .config(conf(master, port, otherModel, warehouse))
        .getOrCreate();
  }

  /**
   * Settings that fit the model. The help desk's users change half of what it knows within seconds, and it is trained hard; any
   * other model learns as fast as a job's defaults have it, or it would forget the rest.
   */
  static SparkConf conf(String master, int port, @Nullable Path otherModel, Path warehouse) {
    boolean cluster = isCluster(master);
    Path model = (otherModel == null ? helpDesk() : otherModel).toAbsolutePath();
    long weightBytes = weightBytes(model);
    long deviceBytes = cluster
        ? LEAST_DEVICE_BYTES_IN_CLUSTER + DEVICE_BYTES_PER_WEIGHT_BYTE * weightBytes
        : deviceBytes(weightBytes, maxDirectBytes());
    SparkConf conf = new SparkConf()
        .setAppName("Alchemist demo")
        .setMaster(master)
        .set("spark.plugins", AlchemistPlugin.class.getName())
        .set("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .set("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .set("spark.sql.warehouse.dir", warehouse.resolve("spark").toString())
        .set("spark.driver.host", "127.0.0.1")
        .set("spark.driver.bindAddress", "127.0.0.1")
        .set("spark.memory.offHeap.enabled", "true")
        .set("spark.memory.offHeap.size", "256m")
        .set("spark.ui.showConsoleProgress", "false")
        // Whoever presses Ctrl-C wants an end.
        .set("spark.alchemist.executors.drainTimeout", "5s")
        .set("spark.alchemist.reuse.auditFraction", "0.25")
        .set("spark.alchemist.serve.perTokenTarget", tokenMillis(weightBytes) + "ms")
        // A busy machine shall not keep training waiting.
        .set("spark.alchemist.serve.trainingPatience", "50ms")
        // Rounds are small, and end within seconds of what they train on: less memory will do.
        .set("spark.alchemist.train.microBatchTokens", "1024")
        .set("spark.alchemist.reuse.maxStaleness", "12")
        // Users write of turns that never were, and the demo is short.
        .set("spark.alchemist.feedback.wait", "15s")
        .set("spark.alchemist.memory.host", HOST_BYTES + "b")
        .set("spark.alchemist.memory.device", deviceBytes + "b")
        .set("spark.alchemist.model", model.toString())
        .set("spark.alchemist.warehouse", warehouse.toString())
        .set("spark.alchemist.router.port", Integer.toString(port));
    if (otherModel == null) {
      // New feedback makes a round as soon as the last one has ended.
      conf.set("spark.alchemist.round.interval", "0s")
          .set("spark.alchemist.train.learningRate", "0.0007");
    }
    if (cluster) {
      conf.set("spark.executor.extraClassPath", System.getProperty("java.class.path"))
          .set(
              "spark.executor.extraJavaOptions",
              "-XX:MaxDirectMemorySize=" + (deviceBytes + HOST_BYTES + OTHER_DIRECT_BYTES)
                  + " -Dlog4j2.configurationFile="
                  + System.getProperty("log4j2.configurationFile", ""))
          .set("spark.alchemist.engine.threads", "1")
          .set("spark.alchemist.executors.min", executors(master));
    }
    return conf;
  }

  private static Path helpDesk() {
    return Path.of(System.getProperty("alchemist.home", "."), "models", "help-desk");
  }

  private static long weightBytes(Path model) {
    try (Checkpoint checkpoint = ModelFiles.open(model)) {
      return checkpoint.config().parameters() * Float.BYTES;
    }
  }

  /** What an engine in this JVM gets: no more than the JVM may have, and the engine says when that is too little. */
  static long deviceBytes(long weightBytes, long maxDirectBytes) {
    return Math.min(
        LEAST_DEVICE_BYTES + DEVICE_BYTES_PER_WEIGHT_BYTE * weightBytes,
        maxDirectBytes - HOST_BYTES - OTHER_DIRECT_BYTES);
  }

  private static long maxDirectBytes() {
    long configured =
        Long.parseLong(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
            .getVMOption("MaxDirectMemorySize")
            .getValue());
    return configured == 0 ? Runtime.getRuntime().maxMemory() : configured;
  }

  /** What a user is to wait for a token, so that slices of training fit between two steps of decoding. */
  static long tokenMillis(long weightBytes) {
    return Math.max(
        LEAST_TOKEN_MILLIS,
        Math.round(DECODE_STEPS_PER_TOKEN * weightBytes / WEIGHT_BYTES_PER_MILLI));
  }

  /** The first number of {@code local-cluster[executors,cores,memory]}. */
  private static String executors(String master) {
    return master.replaceAll("local-cluster\\[\\s*(\\d+).*", "$1");
  }

  /** Executors of their own have one core and warm up apart from each other: their rounds take twice as long. */
  static DemoConfig demoConfig(
      String master, boolean otherModel, long seed, @Nullable Double seconds) {
    DemoConfig config = otherModel ? DemoConfig.forAnyModel(seed) : DemoConfig.defaults(seed);
    if (seconds != null) {
      return config.within(seconds);
    }
    return isCluster(master) ? config.within(CLUSTER_FACTOR * config.maxChatSeconds()) : config;
  }

  private static boolean isCluster(String master) {
    return master.startsWith("local-cluster");
  }
}
