package io.alchemist.spark.internal;

import io.alchemist.cache.ArenaHostTier;
import io.alchemist.cache.DiskTier;
import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.cpu.CpuOps;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;

/**
 * Puts and gets of Spark's tier beside those of the arena, from one thread, as the mover and the reader do them. Rates in
 * GB/s are of blocks handed over, not copied, except where a disk is in between. Run it with the default JIT, the jars of
 * {@code target/spark/jars}, and 3 GB of direct memory.
 */
public final class HostTierBench {
  private static final int ROUNDS = 5;

  private HostTierBench() {}

  /** Prints a line for each tier and block size. */
  public static void main(String[] arguments) throws IOException {
    try (SparkSession spark = SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.memory.offHeap.enabled", "true")
            .config("spark.memory.offHeap.size", "1g")
            .getOrCreate();
        CpuOps ops = CpuOps.create(1, 1 << 20)) {
      spark.sparkContext().setLogLevel("WARN");
      int rddId = ActivationRdd.register(spark.sparkContext());
      for (int blockBytes : new int[] {64 << 10, 1 << 20, 4 << 20}) {
        int blocks = Math.min(1000, (400 << 20) / blockBytes);
        long all = (long) blocks * blockBytes;
        for (boolean disk : new boolean[] {false, true}) {
          long memory = disk ? all / 10 : all;
          long onDisk = disk ? 2 * all : 0;
          for (int round = 0; round < ROUNDS; round++) {
            boolean last = round == ROUNDS - 1;
            Path directory = Files.createTempDirectory("bench");
            run(
                last ? "arena" : "",
                new ArenaHostTier(
                    memory, disk ? new DiskTier(directory, onDisk) : null, ops::hostBuffer),
                ops,
                blocks,
                blockBytes,
                disk);
            Files.deleteIfExists(directory);
            run(
                last ? "spark" : "",
                SparkHostTier.open(rddId, memory, onDisk, ops::hostBuffer),
                ops,
                blocks,
                blockBytes,
                disk);
          }
        }
      }
    }
  }

  private static void run(
      String name, HostTier tier, CpuOps ops, int blocks, int blockBytes, boolean disk) {
    HostBuffer[] buffers = new HostBuffer[blocks];
    for (int i = 0; i < blocks; i++) {
      buffers[i] = ops.hostBuffer(blockBytes);
    }
    long start = System.nanoTime();
    for (int i = 0; i < blocks; i++) {
      tier.put(i, buffers[i]);
    }
    long put = System.nanoTime() - start;
    byte[] sink = new byte[blockBytes];
    start = System.nanoTime();
    for (int i = 0; i < blocks; i++) {
      try (HostBlock block = tier.get(i)) {
        if (block == null) {
          throw new IllegalStateException("Block " + i + " is gone");
        }
      }
    }
    long get = System.nanoTime() - start;
    start = System.nanoTime();
    for (int i = 0; i < blocks; i++) {
      try (HostBlock block = tier.get(i)) {
        ByteBuffer bytes =
            block == null ? ByteBuffer.wrap(sink) : block.buffer().bytes();
        bytes.get(sink);
      }
    }
    long read = System.nanoTime() - start;
    start = System.nanoTime();
    for (int i = 0; i < blocks; i++) {
      tier.remove(i);
    }
    long remove = System.nanoTime() - start;
    tier.close();
    if (!name.isEmpty()) {
      System.out.printf(
          Locale.ROOT,
          "%s %s, blocks of %d KiB: put %.1f us (%.1f GB/s), get %.1f us, get and copy %.1f us"
              + " (%.1f GB/s), remove %.1f us%n",
          name,
          disk ? "nine of ten on disk" : "in memory",
          blockBytes >> 10,
          put / 1e3 / blocks,
          (double) blockBytes * blocks / put,
          get / 1e3 / blocks,
          read / 1e3 / blocks,
          (double) blockBytes * blocks / read,
          remove / 1e3 / blocks);
    }
  }
}
