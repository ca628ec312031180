package io.alchemist.cache;

import static io.alchemist.cache.CacheFixture.range;
import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who gives memory up for whom, where pages and activations share an arena. */
class ArenaPressureTest {
  /** One layer, keys and values, pages of four rows of 16 floats. */
  private static final long BLOCK = 512;

  private static final int FLOOR = 6;
  /** Whatever is there may go. */
  private static final double ANY = Double.POSITIVE_INFINITY;

  private final FakeDevice device = new FakeDevice(1 << 20);
  private final DeviceArena arena =
      new DeviceArena(device.memory, DType.F32, 1, 16, 4, FLOOR, 10 * BLOCK);
  private final KvPages kv = new KvPages(arena);
  private final PrefixTree tree = new PrefixTree(kv, HostTier.none());

  @AfterEach
  void nothingIsLeft() {
    tree.close();
    arena.close();
    device.memory.close();
  }

  /** Four tokens: a page, and activations that take two blocks if asked for. */
  private int[] insert(int firstToken, boolean recorded) {
    return insert(firstToken, recorded, 0);
  }

  /** Likewise; the activations are worth so much a byte. */
  private int[] insert(int firstToken, boolean recorded, double worth) {
    int[] tokens = range(firstToken, 4);
    List<Recorded> pieces = new ArrayList<>();
    if (recorded) {
      Slab slab = Objects.requireNonNull(arena.slab(4, new int[][] {{64}}));
      pieces.add(new Recorded(0, 4, slab, 0));
    }
    int[] pages = {kv.allocate()};
    tree.insert(1, tokens, 4, pages, 0, pieces, (from, count) -> worth * 256 * count);
    return tokens;
  }

  private boolean hasActivations(int[] tokens) {
    try (Coverage coverage = tree.cover(1, tokens, 4)) {
      return coverage.loggedTokens() == 4;
    }
  }

  private boolean hasPages(int[] tokens) {
    try (Match match = tree.match(1, tokens, 4)) {
      return match.tokens() == 4;
    }
  }

  @Test
  void pinnedActivationsStayAndTheFloorIsThereAllTheSame() {
    List<int[]> prompts = new ArrayList<>();
    List<Coverage> readers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      prompts.add(insert(10 * i, true));
      readers.add(tree.cover(1, prompts.get(i), 4));
    }
    assertThat(arena.activationRoomBytes()).isZero();
    assertThat(tree.evictForActivations(ANY)).as("all is pinned").isFalse();
    assertThat(tree.evictPages(2)).as("five pages of the floor are in use").isEqualTo(FLOOR - 5);
    assertThat(readers).allMatch(r -> r.loggedTokens() == 4);
    readers.remove(2).close();
    assertThat(tree.evictPages(3)).isEqualTo(3);
    assertThat(hasActivations(prompts.get(2))).isFalse();
    assertThat(hasPages(prompts.get(2))).as("pages within the floor go last").isTrue();
    readers.forEach(r -> {
      Logged logged = r.runs().get(0).logged();
      assertThat(logged != null && logged.slab() != null).isTrue();
    });
    readers.forEach(Coverage::close);
  }

  @Test
  void withinTheFloorActivationsGoFirst() {
    int[] old = insert(0, false);
    int[] recorded = insert(10, true);
    int[] pages = new int[kv.freePages()];
    Arrays.setAll(pages, i -> kv.allocate());
    Arrays.stream(pages).limit(10).forEach(kv::free);
    assertThat(tree.evictPages(11)).isEqualTo(12);
    assertThat(hasActivations(recorded)).isFalse();
    assertThat(hasPages(old) && hasPages(recorded)).isTrue();
    Arrays.stream(pages).skip(10).forEach(kv::free);
  }

  @Test
  void beyondTheFloorWhatIsOlderGoesFirst() {
    List<int[]> pagesOnly = new ArrayList<>();
    for (int i = 0; i < FLOOR; i++) {
      pagesOnly.add(insert(10 * i, false));
    }
    int[] older = insert(100, true);
    int[] newer = insert(110, false);
    assertThat(hasPages(pagesOnly.get(0))).as("used again").isTrue();
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(hasPages(pagesOnly.get(1))).isFalse();
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(hasPages(pagesOnly.get(2))).isFalse();
    // Keys and values hold just their floor now.
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(hasActivations(older)).isFalse();
    assertThat(tree.evictForActivations(ANY)).isFalse();
    assertThat(hasPages(older) && hasPages(newer) && hasPages(pagesOnly.get(3))).isTrue();
    assertThat(tree.stats().evictedPages()).isEqualTo(2);
  }

  @Test
  void ofActivationsThoseWorthLeastGoAndOnlyForBetterOnes() {
    int[] better = insert(0, true, 2);
    int[] worse = insert(10, true, 1);
    assertThat(tree.evictForActivations(1)).as("worth no less").isFalse();
    assertThat(tree.evictForActivations(1.5)).isTrue();
    assertThat(hasActivations(worse)).isFalse();
    assertThat(tree.evictForActivations(1.5)).isFalse();
    assertThat(hasActivations(better)).isTrue();
    assertThat(tree.evictForActivations(3)).isTrue();
    assertThat(hasActivations(better)).isFalse();
    assertThat(hasPages(better) && hasPages(worse)).isTrue();
  }

  @Test
  void pagesAreComparedByAgeWithTheActivationsWorthLeast() {
    int[] better = insert(0, true, 2);
    int[] worse = insert(10, true, 1);
    List<int[]> pagesOnly = new ArrayList<>();
    for (int i = 2; i < FLOOR + 2; i++) {
      pagesOnly.add(insert(10 * i, false));
    }
    assertThat(hasPages(better) && hasActivations(better)).isTrue();
    // The oldest pages are now those below the worse activations, which go with them.
    assertThat(tree.evictForActivations(1)).as("worth no less").isFalse();
    assertThat(hasPages(pagesOnly.get(0))).as("used again").isTrue();
    assertThat(tree.evictForActivations(1.5)).isTrue();
    assertThat(hasPages(worse) || hasActivations(worse)).isFalse();
    assertThat(tree.evictForActivations(1.5)).isTrue();
    assertThat(hasPages(pagesOnly.get(1))).isFalse();
    assertThat(tree.evictForActivations(1.5))
        .as("keys and values hold just their floor")
        .isFalse();
    assertThat(hasActivations(better)).isTrue();
  }
}
