package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.HostBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArenaHostTierTest {
  private final FakeDevice device = new FakeDevice(0);

  @AfterEach
  void noBufferIsLeft() {
    assertThat(device.openBuffers).hasValue(0);
  }

  private boolean put(HostTier tier, long id) {
    HostBuffer buffer = device.hostBuffer(100);
    buffer.bytes().putLong(40, id);
    return tier.put(id, buffer);
  }

  private static boolean holds(HostTier tier, long id) {
    try (HostBlock block = tier.get(id)) {
      if (block == null) {
        return false;
      }
      assertThat(block.buffer().bytes().getLong(40)).isEqualTo(id);
      return true;
    }
  }

  @Test
  void withoutDiskTheLeastRecentlyUsedIsGone() {
    try (HostTier tier = new ArenaHostTier(250, null, device::hostBuffer)) {
      assertThat(put(tier, 1)).isTrue();
      assertThat(put(tier, 2)).isTrue();
      assertThat(holds(tier, 1)).isTrue();
      assertThat(put(tier, 3)).isTrue();
      assertThat(tier.usedBytes()).isEqualTo(200);
      assertThat(tier.diskBytes()).isZero();
      assertThat(holds(tier, 2)).isFalse();
      assertThat(holds(tier, 1)).isTrue();
      tier.remove(1);
      tier.remove(1);
      assertThat(holds(tier, 1)).isFalse();
      assertThat(tier.usedBytes()).isEqualTo(100);
    }
  }

  @Test
  void blocksSpillToDiskAndComeBack(@TempDir Path directory) {
    try (HostTier tier =
        new ArenaHostTier(250, new DiskTier(directory, 10_000), device::hostBuffer)) {
      for (int id = 0; id < 10; id++) {
        assertThat(put(tier, id)).isTrue();
      }
      assertThat(tier.usedBytes()).isEqualTo(200);
      assertThat(tier.diskBytes()).isEqualTo(8 * (100 + DiskTier.HEADER_BYTES));
      for (int id = 0; id < 10; id++) {
        assertThat(holds(tier, id)).isTrue();
        assertThat(tier.isOnDisk(id)).isEqualTo(id < 8);
      }
      HostBlock fromDisk = tier.get(0);
      assertThat(tier.usedBytes()).isEqualTo(300);
      assertThat(fromDisk).isNotNull();
      fromDisk.close();
      fromDisk.close();
      assertThat(tier.isOnDisk(0)).isTrue();
      tier.remove(0);
      assertThat(holds(tier, 0)).isFalse();
      assertThat(tier.isOnDisk(0)).isFalse();
    }
  }

  @Test
  void aBlockBeingReadStaysInMemory() {
    try (HostTier tier = new ArenaHostTier(250, null, device::hostBuffer)) {
      put(tier, 1);
      HostBlock one = tier.get(1);
      assertThat(one).isNotNull();
      put(tier, 2);
      assertThat(put(tier, 3)).isTrue();
      HostBlock three = tier.get(3);
      assertThat(three).isNotNull();
      assertThat(put(tier, 4)).as("all that is there is being read").isFalse();
      tier.remove(1);
      assertThat(tier.get(1)).isNull();
      assertThat(one.buffer().bytes().getLong(40)).isEqualTo(1);
      assertThat(tier.usedBytes()).isEqualTo(200);
      one.close();
      assertThat(tier.usedBytes()).isEqualTo(100);
      three.close();
    }
  }

  @Test
  void whatCannotFitIsRefusedAndClosed() {
    try (HostTier tier = new ArenaHostTier(99, null, device::hostBuffer)) {
      assertThat(put(tier, 1)).isFalse();
    }
    try (HostTier none = HostTier.none()) {
      assertThat(put(none, 1)).isFalse();
      assertThat(none.get(1)).isNull();
      none.remove(1);
      assertThat(none.usedBytes() + none.diskBytes()).isZero();
    }
    assertThatThrownBy(() -> new ArenaHostTier(-1, null, device::hostBuffer))
        .hasMessage("Limit of the host tier is negative: -1");
  }

  @Test
  void anIdIsPutOnce() {
    try (HostTier tier = new ArenaHostTier(1000, null, device::hostBuffer)) {
      put(tier, 1);
      assertThatThrownBy(() -> put(tier, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Host block 1 was put twice");
    }
  }

  @Test
  void closingWaitsForNoReader() {
    HostTier tier = new ArenaHostTier(1000, null, device::hostBuffer);
    put(tier, 1);
    HostBlock block = tier.get(1);
    assertThat(block).isNotNull();
    tier.close();
    assertThat(put(tier, 2)).isFalse();
    assertThat(tier.get(1)).isNull();
    assertThat(block.buffer().bytes().getLong(40)).isEqualTo(1);
    block.close();
    assertThat(tier.usedBytes()).isZero();
  }

  @Test
  void threadsSeeWholeBlocksOrNone(@TempDir Path directory) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    AtomicLong nextId = new AtomicLong();
    AtomicLong found = new AtomicLong();
    try (HostTier tier =
        new ArenaHostTier(1_000, new DiskTier(directory, 3_000), device::hostBuffer)) {
      List<Future<?>> work = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        Random random = new Random(t);
        work.add(threads.submit(() -> {
          for (int i = 0; i < 1_500; i++) {
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
      assertThat(found).hasPositiveValue();
      for (long id = 0; id < nextId.get(); id++) {
        tier.remove(id);
      }
      assertThat(tier.usedBytes()).isZero();
    } finally {
      threads.shutdownNow();
    }
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }
}
