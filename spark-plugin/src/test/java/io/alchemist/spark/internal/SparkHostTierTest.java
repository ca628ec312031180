package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.alchemist.cache.ArenaHostTier;
import io.alchemist.cache.DiskTier;
import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.tensor.HostBuffer;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What every tier of host memory does, and what this one refuses. */
class SparkHostTierTest {
  private static final int SIZE = 4096;
  /** Of the disk tier behind the arena. */
  private static final int FILE_HEADER_BYTES = 32;

  private static int rddId;

  private final CountedBuffers buffers = new CountedBuffers();

  private final Path directory;

  SparkHostTierTest(@TempDir Path directory) {
    this.directory = directory;
  }

  /** The tiers that have to do the same. */
  enum Kind {
    ARENA,
    SPARK
  }

  @BeforeAll
  static void startSpark() {
    rddId = ActivationRdd.register(OffHeapSpark.session().sparkContext());
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(buffers.open).as("open buffers").hasValue(0);
    assertThat(buffers.closedTwice).hasValue(0);
    assertThat(SparkState.blocks(rddId)).isEmpty();
  }

  private HostTier tier(Kind kind, int memoryBlocks, int diskBlocks) {
    if (kind == Kind.SPARK) {
      return SparkHostTier.open(
          rddId, (long) memoryBlocks * SIZE, (long) diskBlocks * SIZE, buffers);
    }
    return new ArenaHostTier(
        (long) memoryBlocks * SIZE,
        diskBlocks == 0
            ? null
            : new DiskTier(directory, (long) diskBlocks * (SIZE + FILE_HEADER_BYTES)),
        buffers);
  }

  private boolean put(HostTier tier, long id) {
    return tier.put(id, buffers.filled(SIZE, id));
  }

  private static boolean holds(HostTier tier, long id) {
    try (HostBlock block = tier.get(id)) {
      if (block == null) {
        return false;
      }
      assertThat(CountedBuffers.isFilled(block.buffer(), id)).isTrue();
      return true;
    }
  }

  private static HostBlock held(HostTier tier, long id) {
    HostBlock block = tier.get(id);
    assertThat(block).isNotNull();
    return block;
  }

  private static void awaitUsed(HostTier tier, int blocks) {
    await().untilAsserted(() -> assertThat(tier.usedBytes()).isEqualTo((long) blocks * SIZE));
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void withoutDiskTheLeastRecentlyUsedIsGone(Kind kind) {
    try (HostTier tier = tier(kind, 2, 0)) {
      assertThat(put(tier, 1)).isTrue();
      assertThat(put(tier, 2)).isTrue();
      assertThat(holds(tier, 1)).isTrue();
      assertThat(put(tier, 3)).isTrue();
      assertThat(tier.usedBytes()).isEqualTo(2 * SIZE);
      assertThat(tier.diskBytes()).isZero();
      assertThat(holds(tier, 2)).isFalse();
      assertThat(holds(tier, 1)).isTrue();
      tier.remove(1);
      tier.remove(1);
      assertThat(holds(tier, 1)).isFalse();
      awaitUsed(tier, 1);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void blocksSpillToDiskAndComeBack(Kind kind) {
    try (HostTier tier = tier(kind, 2, 20)) {
      for (int id = 0; id < 10; id++) {
        assertThat(put(tier, id)).isTrue();
      }
      assertThat(tier.usedBytes()).isEqualTo(2 * SIZE);
      assertThat(tier.diskBytes()).isBetween(8L * SIZE, 8L * (SIZE + FILE_HEADER_BYTES));
      for (int id = 0; id < 10; id++) {
        assertThat(holds(tier, id)).isTrue();
        assertThat(tier.isOnDisk(id)).isEqualTo(id < 8);
      }
      HostBlock fromDisk = held(tier, 0);
      assertThat(tier.usedBytes()).isEqualTo(3 * SIZE);
      fromDisk.close();
      fromDisk.close();
      assertThat(tier.usedBytes()).isEqualTo(2 * SIZE);
      assertThat(tier.isOnDisk(0)).isTrue();
      tier.remove(0);
      assertThat(holds(tier, 0)).isFalse();
      assertThat(tier.isOnDisk(0)).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void aFullDiskDropsItsOldest(Kind kind) {
    try (HostTier tier = tier(kind, 2, 3)) {
      for (int id = 0; id < 7; id++) {
        assertThat(put(tier, id)).isTrue();
      }
      long onDisk = tier.diskBytes();
      assertThat(onDisk).isBetween(3L * SIZE, 3L * (SIZE + FILE_HEADER_BYTES));
      for (int id = 0; id < 7; id++) {
        assertThat(holds(tier, id)).as("block %d", id).isEqualTo(id >= 2);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void aBlockBeingReadStaysInMemory(Kind kind) {
    try (HostTier tier = tier(kind, 2, 0)) {
      put(tier, 1);
      HostBlock one = held(tier, 1);
      put(tier, 2);
      assertThat(put(tier, 3)).isTrue();
      HostBlock three = held(tier, 3);
      assertThat(put(tier, 4)).as("all that is there is being read").isFalse();
      tier.remove(1);
      assertThat(tier.get(1)).isNull();
      assertThat(CountedBuffers.isFilled(one.buffer(), 1)).isTrue();
      assertThat(tier.usedBytes()).isEqualTo(2 * SIZE);
      one.close();
      one.close();
      awaitUsed(tier, 1);
      three.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whatCannotFitIsRefusedAndClosed(Kind kind) {
    try (HostTier tier = tier(kind, 0, 20)) {
      assertThat(put(tier, 1)).isFalse();
      assertThat(buffers.open).hasValue(0);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void anIdIsPutOnce(Kind kind) {
    try (HostTier tier = tier(kind, 2, 20)) {
      put(tier, 1);
      assertThatThrownBy(() -> put(tier, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Host block 1 was put twice");
      assertThat(holds(tier, 1)).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void closingWaitsForNoReader(Kind kind) {
    HostTier tier = tier(kind, 2, 0);
    put(tier, 1);
    put(tier, 2);
    HostBlock block = held(tier, 1);
    tier.close();
    assertThat(tier.usedBytes()).isEqualTo(SIZE);
    assertThat(put(tier, 3)).isFalse();
    assertThat(tier.get(1)).isNull();
    assertThat(CountedBuffers.isFilled(block.buffer(), 1)).isTrue();
    block.close();
    assertThat(tier.usedBytes()).isZero();
    tier.close();
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void threadsSeeWholeBlocksOrNone(Kind kind) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    AtomicLong nextId = new AtomicLong();
    AtomicLong found = new AtomicLong();
    HostTier tier = tier(kind, 10, 30);
    List<Future<?>> work = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Random random = new Random(t);
      work.add(threads.submit(() -> {
        for (int i = 0; i < 600; i++) {
          long recent = Math.max(0, nextId.get() - 1 - random.nextInt(40));
          switch (random.nextInt(4)) {
            case 0 -> put(tier, nextId.getAndIncrement());
            case 1 -> tier.remove(recent);
            default -> found.addAndGet(holds(tier, recent) ? 1 : 0);
          }
        }
      }));
    }
    for (Future<?> w : work) {
      w.get();
    }
    threads.shutdown();
    assertThat(found).hasPositiveValue();
    for (long id = 0; id < nextId.get(); id++) {
      tier.remove(id);
    }
    awaitUsed(tier, 0);
    if (kind == Kind.SPARK) { // the other deletes files when it next writes one
      await().untilAsserted(() -> assertThat(tier.diskBytes()).isZero());
    }
    tier.close();
  }

  // ---- of this tier only

  @Test
  void closingInTheMiddleOfEverythingLeavesNothing() throws Exception {
    for (int round = 0; round < 5; round++) {
      SparkHostTier tier = SparkHostTier.open(rddId, 10 * SIZE, 10 * SIZE, buffers);
      ExecutorService threads = Executors.newFixedThreadPool(3);
      List<Future<?>> work = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        long first = 1000L * t;
        work.add(threads.submit(() -> {
          boolean open = true;
          for (long id = first; open; id++) {
            open = put(tier, id);
            holds(tier, id - 5);
          }
        }));
      }
      await().until(() -> tier.diskBytes() > 0);
      tier.close();
      for (Future<?> w : work) {
        w.get();
      }
      threads.shutdown();
      assertThat(tier.usedBytes()).isZero();
      assertThat(tier.diskBytes()).isZero();
    }
  }

  @Test
  void aBufferOnTheHeapIsRefusedAndClosed() {
    AtomicLong closed = new AtomicLong();
    HostBuffer onHeap = new HostBuffer() {
      @Override
      public ByteBuffer bytes() {
        return ByteBuffer.allocate(16);
      }

      @Override
      public long sizeBytes() {
        return 16;
      }

      @Override
      public void close() {
        closed.incrementAndGet();
      }
    };
    try (HostTier tier = tier(Kind.SPARK, 2, 0)) {
      assertThatThrownBy(() -> tier.put(1, onHeap))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("lies on the Java heap");
      assertThat(closed).hasValue(1);
      assertThat(put(tier, 1)).isTrue();
    }
  }

  @Test
  void withoutOffHeapMemoryTheErrorSaysWhatToSet() {
    SparkConf off = new SparkConf(false).set("spark.memory.offHeap.size", "1g");
    assertThatThrownBy(() -> SparkHostTier.checkOffHeap(off))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Activations on the host are kept in Spark's off-heap memory, and there is"
            + " none: spark.memory.offHeap.enabled=false, spark.memory.offHeap.size=1073741824."
            + " Set spark.memory.offHeap.enabled=true and spark.memory.offHeap.size to what"
            + " activations and queries may use of each executor, such as 8g. Otherwise the"
            + " engine has no host tier: what leaves the device is gone, and prompts are"
            + " forwarded again to be trained on.");
    SparkConf empty = new SparkConf(false).set("spark.memory.offHeap.enabled", "true");
    assertThatThrownBy(() -> SparkHostTier.checkOffHeap(empty))
        .hasMessageContaining("enabled=true, spark.memory.offHeap.size=0");
    SparkHostTier.checkOffHeap(OffHeapSpark.session().sparkContext().getConf());
  }

  @Test
  void limitsAreNotNegative() {
    assertThatThrownBy(() -> SparkHostTier.open(rddId, -1, 0, buffers))
        .hasMessage("Limits of the host tier can't be negative: memory -1, disk 0");
  }
}
