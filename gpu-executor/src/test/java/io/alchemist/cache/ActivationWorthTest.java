package io.alchemist.cache;

import static io.alchemist.cache.CacheFixture.join;
import static io.alchemist.cache.CacheFixture.range;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which activations give way to which. */
class ActivationWorthTest {
  private static final double ANY = Double.POSITIVE_INFINITY;

  private final CacheFixture cache = CacheFixture.withinFloor();
  private final PrefixTree tree = cache.tree;

  @AfterEach
  void nothingIsLeft() {
    cache.close();
  }

  @Test
  void activationsGoWithoutTheirPages() {
    cache.insert(1, range(0, 4));
    cache.insert(1, range(50, 4));
    try (Coverage coverage = tree.cover(1, range(0, 4), 4)) {
      assertThat(tree.deviceActivationBytes()).isEqualTo(32);
      assertThat(tree.evictForActivations(ANY)).isTrue();
      assertThat(tree.evictForActivations(ANY)).as("the rest is pinned").isFalse();
      assertThat(cache.slabBytes()).isEqualTo(16);
      Logged logged = coverage.runs().get(0).logged();
      assertThat(logged).isNotNull();
      assertThat(logged.slab()).isNotNull();
    }
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(cache.slabBytes()).isZero();
    assertThat(cache.matched(1, range(50, 4))).isEqualTo(4);
    assertThat(tree.stats().evictedActivations()).isEqualTo(2);
  }

  private boolean isLogged(int[] tokens) {
    try (Coverage coverage = tree.cover(1, tokens, tokens.length)) {
      return coverage.loggedTokens() == tokens.length;
    }
  }

  @Test
  void whatIsWorthLeastGoesFirst() {
    double[] falling = {3};
    cache.insert(1, range(0, 4), falling);
    cache.insert(1, range(10, 4), new double[] {2});
    cache.insert(1, range(20, 4), new double[] {1});
    cache.insert(1, range(30, 4), new double[] {2});
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(isLogged(range(20, 4))).isFalse();
    falling[0] = 0;
    tree.revalue();
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(isLogged(range(0, 4))).isFalse();
    assertThat(isLogged(range(10, 4))).isTrue();
    // Of equals the least recently used: the other one, since that was just looked at.
    assertThat(tree.evictForActivations(ANY)).isTrue();
    assertThat(isLogged(range(30, 4))).isFalse();
    assertThat(isLogged(range(10, 4))).isTrue();
  }

  @Test
  void whatIsWorthMoreDoesNotGiveWay() {
    cache.insert(1, range(0, 4), new double[] {2}); // of four bytes a position
    cache.insert(1, range(10, 4), new double[] {1});
    assertThat(tree.evictForActivations(0.25)).isFalse();
    assertThat(tree.evictForActivations(0.4)).isTrue();
    assertThat(tree.evictForActivations(0.4)).isFalse();
    assertThat(isLogged(range(0, 4))).isTrue();
    assertThat(isLogged(range(10, 4))).isFalse();
    assertThat(cache.slabBytes()).isEqualTo(16);
  }

  @Test
  void aSharedPrefixIsWorthWhatAllItsUsersExpectOfIt() {
    int[] shared = range(0, 4);
    cache.insert(1, shared, new double[] {0});
    cache.insert(1, join(shared, range(10, 4)), new double[] {1});
    cache.insert(1, join(shared, range(20, 4)), new double[] {1});
    cache.insert(1, join(shared, range(30, 4)), new double[] {1});
    cache.insert(1, range(40, 4), new double[] {2});
    for (int i = 0; i < 3; i++) {
      assertThat(tree.evictForActivations(ANY)).isTrue();
    }
    for (int i = 10; i < 40; i += 10) {
      assertThat(isLogged(join(shared, range(i, 4)))).isFalse();
    }
    assertThat(isLogged(range(40, 4))).isTrue();
    assertThat(isLogged(shared)).isTrue();
  }

  @Test
  void whoeverSharesAPrefixCountsButOnlyOnce() {
    int[] shared = range(0, 4);
    Prospect prospect = (from, count) -> count;
    for (int i = 0; i < 3; i++) {
      tree.insert(1, shared, 4, cache.allocate(4), 0, List.of(), prospect);
    }
    tree.insert(
        1,
        shared,
        4,
        cache.allocate(4),
        0,
        List.of(new Recorded(0, 4, cache.slab(4), 0)),
        prospect);
    tree.insert(1, shared, 4, cache.allocate(4), 0, List.of(), prospect);
    assertThat(tree.evictForActivations(0.25)).as("a second for four bytes").isFalse();
    for (int i = 0; i < 20; i++) {
      double[] another = {1};
      tree.insert(
          1, shared, 4, cache.allocate(4), 0, List.of(), (from, count) -> another[0] * count);
    }
    assertThat(tree.evictForActivations(8 * 0.25)).as("so many are counted").isFalse();
    assertThat(tree.evictForActivations(8 * 0.25 + 0.01)).isTrue();
  }
}
