package io.alchemist.spark.internal;

import static org.awaitility.Awaitility.await;

import io.alchemist.cache.HostBlock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of two executors, in JVMs of their own, each with a tier. Prints what Spark's REST API says of the storage, a line
 * {@code STORAGE json} for every line it reads, and ends with its input. A line is the number of blocks that each tier keeps
 * of the ten it has been given.
 */
public final class StorageTabProbe {
  static final int BLOCK_BYTES = 1 << 20;
  static final int BLOCKS = 10;
  static final int BLOCKS_IN_MEMORY = 4;

  private static final AtomicReference<@Nullable SparkHostTier> TIER = new AtomicReference<>();

  private StorageTabProbe() {}

  /** Runs it; the argument is the executors' class path. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    SparkConf conf = new SparkConf()
        .setMaster("local-cluster[2,1,1024]")
        .setAppName("storage tab")
        .set("spark.ui.enabled", "true")
        .set("spark.ui.port", "0")
        .set("spark.ui.showConsoleProgress", "false")
        .set("spark.ui.liveUpdate.period", "0")
        .set("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .set("spark.scheduler.maxRegisteredResourcesWaitingTime", "60s")
        .set("spark.executor.memory", "512m")
        .set("spark.memory.offHeap.enabled", "true")
        .set("spark.memory.offHeap.size", "64m")
        .set("spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1")
        .set("spark.executor.extraClassPath", arguments[0]);
    try (JavaSparkContext spark = new JavaSparkContext(conf)) {
      int rddId = ActivationRdd.register(spark.sc());
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> spark.statusTracker().getActiveJobIds().length == 0);
      onBothExecutors(spark, () -> fill(rddId));
      HttpClient http = HttpClient.newHttpClient();
      HttpRequest storage = HttpRequest.newBuilder(
              URI.create(spark.sc().uiWebUrl().get() + "/api/v1/applications/"
                  + spark.sc().applicationId() + "/storage/rdd/" + rddId))
          .build();
      BufferedReader input =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        int kept = Integer.parseInt(line);
        onBothExecutors(spark, () -> keep(kept));
        System.out.println("STORAGE "
            + http.send(storage, HttpResponse.BodyHandlers.ofString())
                .body()
                .replaceAll("\\s+", " "));
      }
    }
  }

  /** What runs on an executor. */
  private interface Work extends Serializable {
    void run();
  }

  /** Each executor has one core, and both are there before the first task runs. */
  private static void onBothExecutors(JavaSparkContext spark, Work work) {
    spark.parallelize(List.of(0, 1), 2).foreachPartition(rows -> work.run());
  }

  private static void fill(int rddId) {
    CountedBuffers buffers = new CountedBuffers();
    SparkHostTier tier =
        SparkHostTier.open(rddId, BLOCKS_IN_MEMORY * (long) BLOCK_BYTES, 1L << 30, buffers);
    TIER.set(tier);
    for (int id = 0; id < BLOCKS; id++) {
      if (!tier.put(id, buffers.filled(BLOCK_BYTES, id))) {
        throw new IllegalStateException("Block " + id + " was refused");
      }
    }
  }

  private static void keep(int count) {
    SparkHostTier tier = TIER.get();
    if (tier == null) {
      throw new IllegalStateException("This executor has no tier");
    }
    for (int id = 0; id < BLOCKS; id++) {
      if (id >= count) {
        tier.remove(id);
      }
      try (HostBlock block = tier.get(id)) {
        if ((block != null) != (id < count)
            || (block != null && !CountedBuffers.isFilled(block.buffer(), id))) {
          throw new IllegalStateException("Block " + id + " is not what it should be");
        }
      }
    }
  }
}
