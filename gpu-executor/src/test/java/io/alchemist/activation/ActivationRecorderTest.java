package io.alchemist.activation;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Recorded;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.SavePlan;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.RopeConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ActivationRecorderTest {
  private static final int LAYERS = 5;
  private static final ModelConfig MODEL = new ModelConfig(
      "llama", 97, 32, LAYERS, 4, 2, 8, 48, 1e-5f, RopeConfig.plain(10_000), 256, true);
  private static final int PAGE = 4;
  private static final long BLOCK = DeviceArena.blockBytes(DType.F32, LAYERS, MODEL.kvDim(), PAGE);
  private static final List<Set<Field>> NEEDED = BackwardNeeds.promptFields(
      BackwardNeeds.ofLayers(MODEL, Set.copyOf(ParameterId.ofModel(MODEL))));

  /** An arena with room for so many bytes of activations, and what records into it. */
  private static final class World implements AutoCloseable {
    private final Ops ops = CpuOps.createPlain(1, 64 << 20);
    private final DeviceArena arena;
    private final KvPages pages;
    private final PrefixTree tree;
    private final ActivationRecorder recorder;

    World(long bytes, SavePlan richest) {
      arena = new DeviceArena(ops.memory(), DType.F32, LAYERS, MODEL.kvDim(), PAGE, 1, bytes);
      pages = new KvPages(arena);
      tree = new PrefixTree(pages, HostTier.none());
      recorder = new ActivationRecorder(arena, MODEL, tree, NEEDED, richest);
    }

    World(long bytes) {
      this(bytes, SavePlan.A);
    }

    @Nullable
    Slab record(int rows) {
      return recorder.slab(rows, 1);
    }

    /** Leaves a slab to the tree, for a prompt of one page. */
    void insert(int[] tokens, Slab slab, double seconds) {
      int[] page = {pages.allocate()};
      List<Recorded> recorded = List.of(new Recorded(0, tokens.length, slab, 0));
      tree.insert(1, tokens, tokens.length, page, 0, recorded, (from, count) -> seconds);
    }

    @Override
    public void close() {
      tree.close();
      arena.close();
      ops.close();
    }
  }

  private static SavePlan[] everywhere(SavePlan plan) {
    SavePlan[] layers = new SavePlan[LAYERS];
    Arrays.fill(layers, plan);
    return layers;
  }

  private static long bytes(int rows, SavePlan... layers) {
    return rows
        * IntStream.range(0, LAYERS)
            .mapToLong(l -> Activations.bytesPerRow(MODEL, layers[l].fields(NEEDED.get(l))))
            .sum();
  }

  /** Whole blocks that hold so much. */
  private static long blocks(long bytes) {
    return (bytes + BLOCK - 1) / BLOCK * BLOCK;
  }

  private static List<Integer> masks(SavePlan... layers) {
    return IntStream.range(0, LAYERS)
        .mapToObj(l -> FieldMask.of(layers[l].fields(NEEDED.get(l))))
        .toList();
  }

  private static List<Integer> masks(Slab slab) {
    return IntStream.range(0, LAYERS).mapToObj(slab::fieldMask).toList();
  }

  private static void assertLayers(Slab slab, SavePlan... layers) {
    assertThat(masks(slab)).isEqualTo(masks(layers));
  }

  @Test
  void whereThereIsRoomAllLayersKeepTheRichestPlan() {
    SavePlan[] all = everywhere(SavePlan.A);
    try (World world = new World(blocks(bytes(40, all)))) {
      Slab slab = Objects.requireNonNull(world.record(40));
      assertLayers(slab, all);
      slab.release();
    }
  }

  @Test
  void whereThereIsLessTheFirstLayersKeepTheNextPlan() {
    SavePlan above = SavePlan.A;
    for (SavePlan plan : EnumSet.range(SavePlan.B, SavePlan.D)) {
      SavePlan[] mixed = {plan, plan, above, above, above};
      above = plan;
      try (World world = new World(blocks(bytes(40, mixed)))) {
        Slab slab = Objects.requireNonNull(world.record(40));
        assertLayers(slab, mixed);
        slab.release();
      }
    }
  }

  @Test
  void othersKeepWhatTheyHoldUnlessTheyAreWorthLess() {
    SavePlan[] all = everywhere(SavePlan.A);
    SavePlan[] mixed = {SavePlan.C, SavePlan.B, SavePlan.B, SavePlan.B, SavePlan.B};
    try (World world = new World(blocks(bytes(40, all)) + blocks(bytes(40, mixed)))) {
      Slab first = Objects.requireNonNull(world.record(40));
      world.insert(new int[] {1, 2, 3, 4}, first, 0.1); // as much for each of its rows
      Slab second = Objects.requireNonNull(world.record(40));
      assertLayers(second, mixed);
      assertThat(world.tree.stats().evictedActivations()).isZero();
      second.release();
      Slab third = Objects.requireNonNull(world.recorder.slab(60, 2));
      assertLayers(third, all);
      assertThat(world.tree.stats().evictedActivations()).isEqualTo(1);
      third.release();
    }
  }

  @Test
  void scatteredBlocksHoldTheFieldsThatFitIntoThem() {
    try (World world = new World(200 * BLOCK)) {
      int[] taken = IntStream.range(0, 201).map(i -> world.pages.allocate()).toArray();
      for (int i = 1; i < taken.length; i += 2) {
        world.pages.free(taken[i]);
      }
      // There are bytes enough, but an input fits into one block, and gates don't.
      int rows = (int) (BLOCK / Field.X.bytesPerRow(MODEL));
      assertThat(bytes(rows, everywhere(SavePlan.A))).isLessThan(100 * BLOCK);
      assertThat(rows * Field.GATE.bytesPerRow(MODEL)).isGreaterThan(BLOCK);
      Slab slab = Objects.requireNonNull(world.record(rows));
      assertThat(masks(slab))
          .allMatch(mask -> FieldMask.fields(mask).contains(Field.X))
          .noneMatch(mask -> FieldMask.fields(mask).contains(Field.GATE));
      slab.release();
      for (int i = 0; i < taken.length; i += 2) {
        world.pages.free(taken[i]);
      }
    }
  }

  @Test
  void withoutRoomForTheInputsNothingIsRecorded() {
    try (World world = new World(blocks(bytes(40, everywhere(SavePlan.D))) - BLOCK)) {
      assertThat(world.record(40)).isNull();
      assertThat(world.recorder.refusedRows()).isEqualTo(40);
    }
  }

  /** The room is used to the layer: with one layer more by the richer plan it would not have been enough. */
  @Property(tries = 200)
  void theRichestMixtureThatFitsIsTaken(
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 400) int blocks,
      @ForAll SavePlan richest) {
    List<SavePlan[]> mixtures = new ArrayList<>();
    mixtures.add(everywhere(richest));
    for (SavePlan plan : EnumSet.range(richest, SavePlan.D)) {
      for (int layer = 0; layer < LAYERS; layer++) {
        SavePlan[] next = mixtures.get(mixtures.size() - 1).clone();
        next[layer] = plan;
        mixtures.add(next);
      }
    }
    // Tensors begin at multiples of 64 bytes.
    long lost = 64L * LAYERS * Field.values().length;
    try (World world = new World(blocks * BLOCK, richest)) {
      Slab slab = world.record(rows);
      List<Integer> recorded = slab == null ? List.of() : masks(slab);
      for (SavePlan[] mixture : mixtures) {
        if (recorded.equals(masks(mixture))) {
          break;
        }
        assertThat(bytes(rows, mixture)).isGreaterThan(blocks * BLOCK - lost);
      }
      if (slab != null) {
        assertThat(slab.sizeBytes()).isLessThanOrEqualTo(blocks * BLOCK);
        slab.release();
      }
    }
  }
}
