package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.alchemist.cache.HostBlock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.status.api.v1.ExecutorSummary;
import org.apache.spark.status.api.v1.RDDStorageInfo;
import org.apache.spark.storage.RDDBlockId;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import scala.collection.Iterator;

/** Queries that need the memory, tasks that come and go, and what Spark shows of it all. */
class SqlPressureTest {
  private static final int MIB = 1 << 20;
  /** With what is not theirs, most of the off-heap memory. */
  private static final int BLOCKS = 28;

  private static final long PLENTY = 1L << 30;
  /** Takes far more than all of the off-heap memory. */
  private static final int BIG_QUERY = 300_000;

  private static int rddId;

  private final CountedBuffers buffers = new CountedBuffers();

  @BeforeAll
  static void startSpark() {
    rddId = ActivationRdd.register(OffHeapSpark.session().sparkContext());
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(buffers.open).as("open buffers").hasValue(0);
    assertThat(buffers.closedTwice).hasValue(0);
    assertThat(SparkState.blocks(rddId)).isEmpty();
    assertThat(OffHeapSpark.blockManager().memoryManager().offHeapStorageMemoryUsed())
        .isZero();
  }

  private SparkHostTier tier(long maxDiskBytes) {
    return SparkHostTier.open(rddId, PLENTY, maxDiskBytes, buffers);
  }

  private void fill(SparkHostTier tier) {
    for (int id = 0; id < BLOCKS; id++) {
      assertThat(tier.put(id, buffers.filled(MIB, id))).isTrue();
    }
    assertThat(tier.usedBytes()).isEqualTo(BLOCKS * (long) MIB);
  }

  private static List<Long> present(SparkHostTier tier) {
    List<Long> present = new ArrayList<>();
    for (long id = 0; id < BLOCKS; id++) {
      try (HostBlock block = tier.get(id)) {
        if (block != null) {
          assertThat(CountedBuffers.isFilled(block.buffer(), id)).isTrue();
          present.add(id);
        }
      }
    }
    return present;
  }

  /** The tier's figures are those of its buffers and of Spark. */
  private void assertFiguresAreTrue(SparkHostTier tier) {
    await().untilAsserted(() -> {
      assertThat(tier.usedBytes()).isEqualTo(buffers.openBytes.get());
      assertThat(tier.usedBytes()).isEqualTo(SparkState.memoryBytes(rddId));
      assertThat(tier.diskBytes()).isEqualTo(SparkState.diskBytes(rddId));
    });
    assertThat(SparkState.locks(rddId)).isZero();
  }

  @Test
  void queriesSpillBlocksToDiskAndTheyComeBack() {
    try (SparkHostTier tier = tier(PLENTY)) {
      fill(tier);
      OffHeapSpark.query(BIG_QUERY);
      SparkTierStats stats = tier.stats();
      assertThat(stats.spilledBytes()).isGreaterThan(BLOCKS * (long) MIB / 2);
      assertThat(stats.droppedBlocks()).isZero();
      assertThat(tier.diskBytes()).isEqualTo(stats.spilledBytes());
      assertFiguresAreTrue(tier);
      assertThat(tier.usedBytes() + tier.diskBytes()).isEqualTo(BLOCKS * (long) MIB);
      assertThat(present(tier)).hasSize(BLOCKS);
      assertFiguresAreTrue(tier);
      for (long id = 0; id < BLOCKS; id += 2) {
        tier.remove(id);
      }
      await().untilAsserted(() -> assertThat(tier.usedBytes() + tier.diskBytes())
          .isEqualTo(BLOCKS * (long) MIB / 2));
      assertFiguresAreTrue(tier);
    }
  }

  @Test
  void withoutDiskQueriesDropTheLeastRecentlyUsed() {
    try (SparkHostTier tier = tier(0)) {
      fill(tier);
      OffHeapSpark.query(BIG_QUERY);
      long dropped = tier.stats().droppedBlocks();
      assertThat(dropped).isBetween(BLOCKS / 2L, BLOCKS - 1L);
      assertFiguresAreTrue(tier);
      List<Long> present = present(tier);
      assertThat(present)
          .hasSize((int) (BLOCKS - dropped))
          .doesNotContain(0L)
          .contains(BLOCKS - 1L);
      assertThat(tier.diskBytes()).isZero();
    }
  }

  @Test
  void theDisksLimitHoldsWhileQueriesSpill() throws Exception {
    long limit = 8L * MIB;
    AtomicBoolean running = new AtomicBoolean(true);
    AtomicLong most = new AtomicLong();
    ExecutorService watcher = Executors.newSingleThreadExecutor();
    try (SparkHostTier tier = tier(limit)) {
      fill(tier);
      Future<?> watching = watcher.submit(() -> {
        while (running.get()) {
          most.accumulateAndGet(tier.diskBytes(), Math::max);
        }
      });
      OffHeapSpark.query(BIG_QUERY);
      running.set(false);
      watching.get();
      assertThat(most.get()).isBetween((long) MIB, limit);
      assertThat(tier.stats().spilledBlocks()).isPositive();
      await().untilAsserted(() -> assertThat(tier.diskBytes()).isLessThanOrEqualTo(limit / 8 * 7));
      assertFiguresAreTrue(tier);
      List<Long> present = present(tier);
      assertThat(present.size()).isLessThan(BLOCKS).isEqualTo((int)
          ((tier.usedBytes() + tier.diskBytes()) / MIB));
    } finally {
      running.set(false);
      watcher.shutdown();
    }
  }

  @Test
  void whatIsBeingReadStays() {
    try (SparkHostTier tier = tier(0)) {
      fill(tier);
      List<HostBlock> held = new ArrayList<>();
      for (long id = 0; id < 8; id++) {
        HostBlock block = tier.get(id);
        assertThat(block).isNotNull();
        held.add(block);
      }
      OffHeapSpark.query(BIG_QUERY);
      assertThat(tier.stats().droppedBlocks()).isPositive();
      for (int id = 0; id < held.size(); id++) {
        assertThat(CountedBuffers.isFilled(held.get(id).buffer(), id)).isTrue();
        held.get(id).close();
      }
      assertThat(present(tier)).contains(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L);
      assertFiguresAreTrue(tier);
    }
  }

  @Test
  void whenSparksMemoryIsFullTheOldestGoToDiskAndNothingIsRefused() {
    try (SparkHostTier tier = tier(PLENTY)) {
      for (long id = 0; id < 2 * BLOCKS; id++) {
        assertThat(tier.put(id, buffers.filled(MIB, id))).isTrue();
        assertThat(tier.usedBytes()).isLessThanOrEqualTo(OffHeapSpark.OFF_HEAP_BYTES);
      }
      assertThat(tier.stats().spilledBlocks() + tier.stats().droppedBlocks())
          .as("done by the tier")
          .isZero();
      assertThat(tier.usedBytes() + tier.diskBytes()).isEqualTo(2L * BLOCKS * MIB);
      assertFiguresAreTrue(tier);
      try (HostBlock oldest = tier.get(0);
          HostBlock newest = tier.get(2 * BLOCKS - 1)) {
        assertThat(oldest).isNotNull();
        assertThat(newest).isNotNull();
        assertThat(CountedBuffers.isFilled(oldest.buffer(), 0)).isTrue();
        assertThat(CountedBuffers.isFilled(newest.buffer(), 2 * BLOCKS - 1)).isTrue();
        assertThat(tier.usedBytes()).as("the oldest was read back").isEqualTo(33L * MIB);
      }
    }
  }

  @Test
  void readersAndWritersGoOnWhileQueriesRun() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(3);
    AtomicBoolean running = new AtomicBoolean(true);
    AtomicLong newest = new AtomicLong();
    AtomicLong hits = new AtomicLong();
    try (SparkHostTier tier = tier(32L * MIB)) {
      List<Future<?>> work = new ArrayList<>();
      work.add(threads.submit(() -> {
        while (running.get()) {
          long id = newest.incrementAndGet();
          tier.put(id, buffers.filled(MIB / 4, id));
          tier.remove(id - 150);
        }
      }));
      for (int t = 0; t < 2; t++) {
        int step = 1 + t;
        work.add(threads.submit(() -> {
          for (long i = 0; running.get(); i += step) {
            long id = newest.get() - i % 140;
            try (HostBlock block = tier.get(id)) {
              if (block != null) {
                assertThat(CountedBuffers.isFilled(block.buffer(), id)).isTrue();
                hits.incrementAndGet();
              }
            }
          }
        }));
      }
      OffHeapSpark.query(BIG_QUERY);
      running.set(false);
      for (Future<?> w : work) {
        w.get();
      }
      assertThat(hits.get()).isPositive();
      assertThat(tier.stats().spilledBlocks()).as("spilled by Spark").isPositive();
      assertFiguresAreTrue(tier);
    } finally {
      running.set(false);
      threads.shutdown();
    }
  }

  private static final AtomicReference<@Nullable SparkHostTier> OF_TASK = new AtomicReference<>();
  private static final AtomicReference<@Nullable HostBlock> READ_IN_TASK = new AtomicReference<>();

  @Test
  void aBlockGotInATaskIsHeldWhenTheTaskHasEnded() {
    try (SparkHostTier tier = tier(0)) {
      fill(tier);
      OF_TASK.set(tier);
      JavaSparkContext.fromSparkContext(OffHeapSpark.session().sparkContext())
          .parallelize(List.of(0), 1)
          .foreach(any -> {
            SparkHostTier mine = OF_TASK.get();
            READ_IN_TASK.set(mine == null ? null : mine.get(0));
          });
      HostBlock block = READ_IN_TASK.get();
      assertThat(block).isNotNull();
      assertThat(SparkState.locks(rddId)).isEqualTo(1);
      OffHeapSpark.query(BIG_QUERY);
      assertThat(tier.stats().droppedBlocks()).isPositive();
      assertThat(CountedBuffers.isFilled(block.buffer(), 0)).isTrue();
      block.close();
      assertThat(SparkState.locks(rddId)).isZero();
      assertThat(present(tier)).contains(0L);
    }
  }

  @Test
  void aDamagedFileIsAMiss() throws IOException {
    try (SparkHostTier tier = SparkHostTier.open(rddId, MIB, PLENTY, buffers)) {
      tier.put(1, buffers.filled(MIB, 1));
      RDDBlockId first = SparkState.blocks(rddId).get(0);
      tier.put(2, buffers.filled(MIB, 2));
      assertThat(tier.diskBytes()).isEqualTo(MIB);
      Path file = OffHeapSpark.blockManager().diskBlockManager().getFile(first).toPath();
      Files.write(file, new byte[100]);
      assertThat(tier.get(1)).isNull();
      await().untilAsserted(() -> assertThat(tier.diskBytes()).isZero());
      assertThat(Files.exists(file)).isFalse();
      assertFiguresAreTrue(tier);
    }
  }

  @Test
  void aUserWhoUnpersistsTheRddCostsOnlyTheBlocks() {
    int other = rddId + 1_000_000; // Spark's UI isn't told, and would show what is gone
    try (SparkHostTier tier = SparkHostTier.open(other, 4L * MIB, PLENTY, buffers)) {
      for (long id = 0; id < 8; id++) {
        tier.put(id, buffers.filled(MIB, id));
      }
      OffHeapSpark.blockManager().removeRdd(other);
      for (long id = 0; id < 8; id++) {
        assertThat(tier.get(id)).isNull();
      }
      assertFiguresAreTrue(tier);
      assertThat(tier.usedBytes() + tier.diskBytes()).isZero();
      assertThat(tier.put(8, buffers.filled(MIB, 8))).isTrue();
    }
  }

  @Test
  void twoTiersOfOneExecutorDontMixUpTheirBlocks() {
    try (SparkHostTier two = tier(PLENTY)) {
      try (SparkHostTier one = tier(PLENTY)) {
        for (long id = 0; id < 4; id++) {
          assertThat(one.put(id, buffers.filled(MIB, id))).isTrue();
          assertThat(two.put(id, buffers.filled(MIB, 100 + id))).isTrue();
        }
      }
      for (long id = 0; id < 4; id++) {
        try (HostBlock block = two.get(id)) {
          assertThat(block).isNotNull();
          assertThat(CountedBuffers.isFilled(block.buffer(), 100 + id)).isTrue();
        }
      }
    }
  }

  @Test
  void sparksStorageTabShowsTheBlocksUnderTheirName() throws Exception {
    assertThat(ActivationRdd.register(OffHeapSpark.session().sparkContext())).isEqualTo(rddId);
    OffHeapSpark.session().sparkContext().listenerBus().waitUntilEmpty();
    ExecutorSummary before = executor();
    try (SparkHostTier tier = SparkHostTier.open(rddId, 4L * MIB, PLENTY, buffers)) {
      for (long id = 0; id < 10; id++) {
        tier.put(id, buffers.filled(MIB, id));
      }
      awaitShown(before, 4L * MIB, 6L * MIB, 10);
      for (long id = 0; id < 10; id += 2) {
        tier.remove(id);
      }
      awaitShown(before, 2L * MIB, 3L * MIB, 5);
    }
    awaitShown(before, 0, 0, 0);
  }

  private static void awaitShown(
      ExecutorSummary before, long memoryBytes, long diskBytes, int blocks) {
    await().untilAsserted(() -> {
      RDDStorageInfo shown = shown();
      assertThat(shown).isNotNull();
      assertThat(shown.name()).isEqualTo("Alchemist activations");
      assertThat(shown.memoryUsed()).isEqualTo(memoryBytes);
      assertThat(shown.diskUsed()).isEqualTo(diskBytes);
      assertThat(shown.numCachedPartitions()).isEqualTo(blocks);
      ExecutorSummary executor = executor();
      assertThat(executor.rddBlocks() - before.rddBlocks()).isEqualTo(blocks);
      assertThat(executor.diskUsed() - before.diskUsed()).isEqualTo(diskBytes);
      assertThat(offHeap(executor) - offHeap(before)).isEqualTo(memoryBytes);
    });
  }

  private static ExecutorSummary executor() {
    return OffHeapSpark.session().sparkContext().statusStore().executorSummary("driver");
  }

  private static long offHeap(ExecutorSummary executor) {
    return executor.memoryMetrics().get().usedOffHeapStorageMemory();
  }

  private static @Nullable RDDStorageInfo shown() {
    Iterator<RDDStorageInfo> all =
        OffHeapSpark.session().sparkContext().statusStore().rddList(false).iterator();
    while (all.hasNext()) {
      RDDStorageInfo info = all.next();
      if (info.id() == rddId) {
        return info;
      }
    }
    return null;
  }
}
