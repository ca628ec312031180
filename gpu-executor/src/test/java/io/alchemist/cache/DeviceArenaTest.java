package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Storage;
import io.alchemist.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceArenaTest {
  private static final int LAYERS = 2;
  /** Two layers, keys and values, pages of four rows of 16 floats: 1 KiB. */
  private static final long BLOCK = 1024;

  private final FakeDevice device = new FakeDevice(1 << 20);

  private DeviceArena arena(int floor, int shared) {
    return new DeviceArena(device.memory, DType.F32, LAYERS, 16, 4, floor, shared * BLOCK);
  }

  /** A slab of one field a layer, (rows, 16). */
  private static Slab slab(DeviceArena arena, int rows) {
    return Objects.requireNonNull(trySlab(arena, rows));
  }

  private static @Nullable Slab trySlab(DeviceArena arena, int rows) {
    return arena.slab(rows, new int[][] {{16}, {16}});
  }

  @Test
  void activationsUseWhatKeysAndValuesLeaveAboveTheirFloor() {
    try (DeviceArena arena = arena(3, 5)) {
      KvPages pages = new KvPages(arena);
      assertThat(arena.sizeBytes()).isEqualTo(8 * BLOCK);
      assertThat(arena.activationLimitBytes()).isEqualTo(5 * BLOCK);
      Slab most = slab(arena, 5 * 8);
      assertThat(arena.activationBytes()).isEqualTo(5 * BLOCK);
      assertThat(arena.activationRoomBytes()).isZero();
      assertThat(trySlab(arena, 1)).as("the floor is not for activations").isNull();
      int[] floor = {pages.allocate(), pages.allocate(), pages.allocate()};
      assertThat(pages.freePages()).isZero();
      assertThat(pages.aboveFloor()).isFalse();
      most.release();
      int borrowed = pages.allocate();
      assertThat(pages.aboveFloor()).isTrue();
      assertThat(arena.kvBytes()).isEqualTo(4 * BLOCK);
      assertThat(trySlab(arena, 5 * 8)).isNull();
      slab(arena, 4 * 8).release();
      for (int page : new int[] {floor[0], floor[1], floor[2], borrowed}) {
        pages.free(page);
      }
    }
  }

  @Test
  void aSlabFillsScatteredBlocks() {
    try (DeviceArena arena = arena(1, 11)) {
      KvPages pages = new KvPages(arena);
      int[] all = new int[12];
      for (int i = 0; i < 12; i++) {
        all[i] = pages.allocate();
      }
      // Free, from the low end: 2, then 1, then 2, then 1.
      for (int i : new int[] {1, 2, 4, 7, 8, 10}) {
        pages.free(all[i]);
      }
      assertThat(trySlab(arena, 33))
          .as("no tensor of more than two blocks fits")
          .isNull();
      Slab slab = slab(arena, 32); // two tensors of two blocks
      assertThat(arena.activationBytes()).isEqualTo(4 * BLOCK);
      Slab small = slab(arena, 8); // two tensors of half a block
      assertThat(arena.activationBytes()).isEqualTo(5 * BLOCK);
      slab.release();
      small.release();
      for (int i : new int[] {0, 3, 5, 6, 9, 11}) {
        pages.free(all[i]);
      }
    }
  }

  @Test
  void fieldsOfASlabShareBlocks() {
    try (DeviceArena arena = arena(1, 4)) {
      // 24 fields of 10 rows of one float, 64 bytes apart: 1.5 blocks.
      int[][] narrow = new int[2][12];
      for (int[] layer : narrow) {
        Arrays.fill(layer, 1);
      }
      Slab filled = Objects.requireNonNull(arena.slab(10, narrow));
      assertThat(arena.activationBytes()).isEqualTo(2 * BLOCK);
      filled.release();
    }
  }

  /** Any mixture of pages and slabs: no byte has two owners, and in the end all are free; in one strip and in one for each layer. */
  @ParameterizedTest
  @ValueSource(ints = {1, LAYERS})
  void nothingOverlaps(int strips) {
    Random random = new Random(7);
    try (DeviceArena arena = new DeviceArena(
        device.memory, DType.F32, LAYERS, 16, 4, 10, 54 * BLOCK, 64 * BLOCK / strips)) {
      assertThat(device.liveBlocks()).isEqualTo(strips);
      KvPages pages = new KvPages(arena);
      List<Integer> held = new ArrayList<>();
      List<Slab> slabs = new ArrayList<>();
      int refused = 0;
      for (int i = 0; i < 3000; i++) {
        switch (random.nextInt(4)) {
          case 0 -> {
            if (pages.freePages() > 0) {
              held.add(pages.allocate());
            }
          }
          case 1 -> {
            if (!held.isEmpty()) {
              pages.free(held.remove(random.nextInt(held.size())));
            }
          }
          case 2 -> {
            int rows = 1 + random.nextInt(40);
            Slab slab = arena.slab(rows, new int[][] {{16, 3}, {1 + random.nextInt(16), 7}});
            if (slab == null) {
              refused++;
            } else {
              slabs.add(slab);
            }
          }
          default -> {
            if (!slabs.isEmpty()) {
              slabs.remove(random.nextInt(slabs.size())).release();
            }
          }
        }
        check(arena, pages, held, slabs, BLOCK / strips);
      }
      assertThat(refused).isPositive();
      held.forEach(pages::free);
      slabs.forEach(Slab::release);
      assertThat(pages.freePages()).isEqualTo(64);
    }
    device.memory.close();
  }

  private static void check(
      DeviceArena arena, KvPages pages, List<Integer> held, List<Slab> slabs, long stripBlock) {
    IdentityHashMap<Storage, BitSet> bytes = new IdentityHashMap<>();
    for (int page : held) {
      for (int layer = 0; layer < LAYERS; layer++) {
        own(bytes, pages.keys(layer).rows(4 * page, 4));
        own(bytes, pages.values(layer).rows(4 * page, 4));
      }
    }
    assertThat(arena.kvBytes())
        .isEqualTo(bytes.values().stream().mapToLong(BitSet::cardinality).sum());
    long blocks = 0;
    for (Slab slab : slabs) {
      BitSet touched = new BitSet();
      for (int layer = 0; layer < LAYERS; layer++) {
        for (int f = 0; f < slab.fields(); f++) {
          Tensor field = Objects.requireNonNull(slab.field(layer, f));
          assertThat(field.offsetBytes() % 64).isZero();
          own(bytes, field);
          touched.set(
              (int) (field.offsetBytes() / stripBlock),
              (int) ((field.offsetBytes() + field.sizeBytes() - 1) / stripBlock) + 1);
        }
      }
      blocks += touched.cardinality();
    }
    assertThat(arena.activationBytes())
        .isEqualTo(blocks * BLOCK)
        .isLessThanOrEqualTo(arena.activationLimitBytes());
  }

  private static void own(IdentityHashMap<Storage, BitSet> owned, Tensor tensor) {
    BitSet bytes = owned.computeIfAbsent(tensor.storage(), k -> new BitSet());
    int from = (int) tensor.offsetBytes();
    int to = (int) (from + tensor.sizeBytes());
    int next = bytes.nextSetBit(from);
    assertThat(next < 0 || next >= to)
        .as("bytes %d to %d have one owner", from, to)
        .isTrue();
    bytes.set(from, to);
  }

  @Test
  void aLeakIsNamed() {
    DeviceArena arena = arena(2, 4);
    KvPages pages = new KvPages(arena);
    int page = pages.allocate();
    Slab slab = slab(arena, 8);
    assertThat(slab.rows() + page).isEqualTo(8);
    assertThatThrownBy(arena::close)
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessage("The device arena closed while 1 K/V pages and 1 blocks of activations were in"
            + " use; close the prefix tree and all sequences first");
    device.memory.close();
  }

  @Test
  void whatDoesNotFitLeavesNothingBehind() {
    assertThatThrownBy(() -> arena(2, 5000))
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessageContaining("No room for 'keys, values and activations'");
    assertThat(device.liveBlocks()).isZero();
    assertThatThrownBy(() -> arena(0, 5)).hasMessageContaining("pages 0");
    assertThatThrownBy(() -> arena(1, -1)).hasMessageContaining("can't be negative");
  }
}
