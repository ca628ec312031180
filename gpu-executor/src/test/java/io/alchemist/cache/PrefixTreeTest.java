package io.alchemist.cache;

import static io.alchemist.cache.CacheFixture.join;
import static io.alchemist.cache.CacheFixture.range;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PrefixTreeTest {
  private final CacheFixture cache = new CacheFixture();
  private final PrefixTree tree = cache.tree;

  @AfterEach
  void nothingIsLeft() {
    cache.close();
  }

  @Test
  void matchesWholePagesOnly() {
    int[] pages = cache.insert(1, range(0, 10));
    try (Match match = tree.match(1, range(0, 12), 12)) {
      assertThat(match.tokens()).isEqualTo(8);
      assertThat(match.pages()).containsExactly(pages[0], pages[1]);
    }
    assertThat(cache.matched(1, range(0, 7))).isEqualTo(4);
    assertThat(cache.matched(1, join(range(0, 6), 99, 99))).isEqualTo(4);
    assertThat(cache.matched(1, range(1, 8))).isZero();
    try (Match match = tree.match(1, range(0, 8), 7)) {
      assertThat(match.tokens()).isEqualTo(4);
    }
    CacheStats stats = tree.stats();
    assertThat(stats.hits()).isEqualTo(4);
    assertThat(stats.misses()).isEqualTo(1);
    assertThat(stats.hitTokens()).isEqualTo(8 + 4 + 4 + 4);
    assertThat(stats.missTokens()).isEqualTo(4 + 3 + 4 + 8 + 3);
  }

  @Test
  void versionsAreKeptApart() {
    cache.insert(1, range(0, 8));
    assertThat(cache.matched(2, range(0, 8))).isZero();
    try (Coverage coverage = tree.cover(2, range(0, 8), 8)) {
      assertThat(coverage.runs()).isEmpty();
    }
  }

  @Test
  void aSecondCopyIsFreed() {
    int[] first = cache.insert(1, range(0, 10));
    cache.insert(1, range(0, 10));
    assertThat(cache.kv.freePages()).isEqualTo(13);
    assertThat(cache.slabBytes()).isEqualTo(40);
    try (Match match = tree.match(1, range(0, 8), 8)) {
      assertThat(match.pages()).containsExactly(first[0], first[1]);
    }
  }

  @Test
  void aBranchSharesThePagesBeforeIt() {
    int[] tokens = join(range(0, 8), 50, 51, 52, 53);
    int[] old = cache.insert(1, range(0, 12));
    try (Match match = tree.match(1, tokens, 12)) {
      assertThat(match.tokens()).isEqualTo(8);
      int own = cache.kv.allocate();
      int[] pages = join(match.pages(), own);
      Recorded rest = new Recorded(8, 4, cache.slab(6), 1);
      tree.insert(1, tokens, 12, pages, 2, List.of(rest));
    }
    assertThat(tree.stats().segments()).isEqualTo(3);
    try (Coverage a = tree.cover(1, range(0, 12), 12);
        Coverage b = tree.cover(1, tokens, 12)) {
      // The split cuts nothing that was logged at once, and both paths share its first part.
      assertThat(a.runs()).extracting(Covered::count).containsExactly(12);
      assertThat(b.runs()).extracting(Covered::count).containsExactly(8, 4);
      assertThat(b.runs().get(0).logged()).isSameAs(a.runs().get(0).logged());
      Logged last = b.runs().get(1).logged();
      assertThat(last).isNotNull();
      assertThat(last.slabRow(9)).isEqualTo(2);
      assertThat(a.runs().get(0).slots())
          .hasSize(12)
          .endsWith(old[2] * 4, old[2] * 4 + 1, old[2] * 4 + 2, old[2] * 4 + 3);
      assertThatThrownBy(() -> last.row(12)).hasMessage("position 12 of activations 8 to 12");
      assertThatThrownBy(() -> last.hostBlockId(0))
          .hasMessage("Activations 8 to 12 have no host copy");
    }
  }

  @Test
  void aLeafWithinAPageIsExtended() {
    cache.insert(1, range(0, 6));
    int[] tokens = range(0, 11);
    int[] pages = cache.allocate(11);
    tree.insert(1, tokens, 11, pages, 0, List.of(new Recorded(4, 7, cache.slab(7), 0)));
    assertThat(cache.kv.freePages()).isEqualTo(13);
    try (Coverage coverage = tree.cover(1, tokens, 11)) {
      assertThat(coverage.runs()).extracting(Covered::from).containsExactly(0, 6);
      assertThat(coverage.runs()).extracting(Covered::count).containsExactly(6, 5);
      assertThat(coverage.loggedTokens()).isEqualTo(11);
      // Activations of the old leaf, K/V in the new page.
      assertThat(coverage.runs().get(0).slots())
          .hasSize(6)
          .endsWith(pages[1] * 4, pages[1] * 4 + 1);
    }
  }

  /** As a sequence does it: the whole pages for others to share, the rest when it ends. */
  private void insertInTwo(int[] tokens, Runnable between) {
    int whole = tokens.length / 4 * 4;
    int[] pages = cache.allocate(tokens.length);
    Slab slab = cache.slab(tokens.length + 2);
    Recorded first = new Recorded(0, whole, slab.retain(), 2);
    tree.insert(1, tokens, whole, Arrays.copyOf(pages, whole / 4), 0, List.of(first));
    between.run();
    Recorded rest = new Recorded(whole, tokens.length - whole, slab, 2 + whole);
    tree.insert(1, tokens, tokens.length, pages, whole / 4, List.of(rest));
  }

  @Test
  void theTailOfAPromptIsReadWithTheRest() {
    int[] tokens = range(0, 11);
    insertInTwo(tokens, () -> {});
    try (Coverage coverage = tree.cover(1, tokens, 10)) {
      assertThat(coverage.runs()).extracting(Covered::count).containsExactly(10);
      Covered run = coverage.runs().get(0);
      assertThat(run.slots()).hasSize(10);
      assertThat(Objects.requireNonNull(run.logged()).slabRow(9)).isEqualTo(11);
    }
    assertThat(cache.matched(1, join(range(0, 8), 99))).isEqualTo(8);
  }

  @Test
  void whatIsBeingReadDoesNotGrow() {
    int[] tokens = range(0, 11);
    List<Coverage> readers = new ArrayList<>();
    insertInTwo(tokens, () -> readers.add(tree.cover(1, tokens, 8)));
    Logged first = Objects.requireNonNull(readers.get(0).runs().get(0).logged());
    assertThat(first.count()).isEqualTo(8);
    readers.forEach(Coverage::close);
    try (Coverage coverage = tree.cover(1, tokens, 11)) {
      assertThat(coverage.runs()).extracting(Covered::count).containsExactly(8, 3);
      assertThat(coverage.runs().get(0).logged()).isSameAs(first);
    }
  }

  @Test
  void aPinnedLeafKeepsItsPage() {
    int[] old = cache.insert(1, range(0, 6));
    try (Coverage reader = tree.cover(1, range(0, 6), 6)) {
      cache.insert(1, range(0, 8));
      assertThat(reader.runs().get(0).slots()).endsWith(old[1] * 4, old[1] * 4 + 1);
      assertThat(cache.kv.isUsed(old[1])).isTrue();
      assertThat(cache.matched(1, range(0, 8))).isEqualTo(8);
    }
  }

  @Test
  void coverageReachesIntoPagesAndNamesHoles() {
    int[] tokens = range(0, 12);
    int[] pages = cache.allocate(12);
    tree.insert(
        1,
        tokens,
        12,
        pages,
        0,
        List.of(new Recorded(1, 2, cache.slab(2), 0), new Recorded(6, 4, cache.slab(4), 0)));
    try (Coverage coverage = tree.cover(1, join(range(0, 9), 99, 99), 11)) {
      assertThat(coverage.runs()).extracting(Covered::from).containsExactly(0, 1, 3, 6);
      assertThat(coverage.runs()).extracting(Covered::count).containsExactly(1, 2, 3, 3);
      assertThat(coverage.runs().get(0).logged()).isNull();
      assertThat(coverage.runs().get(2).logged()).isNull();
      assertThat(coverage.loggedTokens()).isEqualTo(5);
    }
  }

  @Test
  void laterActivationsFillHolesOnly() {
    int[] tokens = range(0, 8);
    tree.insert(1, tokens, 8, cache.allocate(8), 0, List.of(new Recorded(2, 3, cache.slab(3), 0)));
    cache.insert(1, tokens);
    try (Coverage coverage = tree.cover(1, tokens, 8)) {
      assertThat(coverage.runs()).extracting(Covered::from).containsExactly(0, 2, 5);
      assertThat(coverage.loggedTokens()).isEqualTo(8);
    }
  }

  @Test
  void pagesAreTakenFromTheLeastRecentlyUsedLeafFirst() {
    cache.insertWithoutActivations(1, range(0, 8));
    cache.insertWithoutActivations(1, join(range(0, 8), range(100, 4)));
    cache.insertWithoutActivations(1, range(200, 8));
    assertThat(cache.matched(1, range(0, 4))).isEqualTo(4);
    int free = cache.kv.freePages();
    assertThat(tree.evictPages(free + 1)).isEqualTo(free + 1);
    assertThat(cache.matched(1, join(range(0, 8), range(100, 4)))).isEqualTo(8);
    assertThat(tree.evictPages(free + 2)).isEqualTo(free + 3);
    assertThat(cache.matched(1, range(200, 8))).isZero();
    assertThat(cache.matched(1, range(0, 8))).isEqualTo(8);
    assertThat(tree.evictPages(100)).isEqualTo(16);
    assertThat(tree.stats().segments()).isZero();
    assertThat(tree.stats().evictedPages()).isEqualTo(5);
  }

  @Test
  void pinnedPagesStay() {
    cache.insert(1, range(0, 12));
    try (Match match = tree.match(1, range(0, 4), 4)) {
      assertThat(tree.evictPages(16)).isEqualTo(13);
      assertThat(match.tokens()).isEqualTo(4);
    }
    assertThat(tree.evictPages(16)).isEqualTo(16);
    assertThat(cache.slabBytes()).isZero();
  }

  @Test
  void aSharedSlabIsFreeOnlyWithItsLastRow() {
    Slab step = cache.slab(8);
    tree.insert(
        1, range(0, 4), 4, cache.allocate(4), 0, List.of(new Recorded(0, 4, step.retain(), 0)));
    tree.insert(1, range(50, 4), 4, cache.allocate(4), 0, List.of(new Recorded(0, 4, step, 4)));
    assertThat(tree.deviceActivationBytes()).isEqualTo(32);
    tree.evictPages(15);
    assertThat(cache.slabBytes()).isEqualTo(32);
    tree.evictPages(16);
    assertThat(cache.slabBytes()).isZero();
  }

  @Test
  void aDroppedVersionIsGoneAtOnceAndItsPagesWithTheLastPin() {
    cache.insert(1, range(0, 8));
    cache.insert(2, range(0, 8));
    Match match = tree.match(1, range(0, 8), 8);
    Coverage coverage = tree.cover(1, range(0, 4), 4);
    tree.retainVersions(Set.of(2L));
    assertThat(cache.matched(1, range(0, 8))).isZero();
    assertThat(cache.matched(2, range(0, 8))).isEqualTo(8);
    assertThat(cache.kv.freePages()).isEqualTo(12);
    match.close();
    match.close();
    assertThat(cache.kv.freePages()).isEqualTo(12);
    assertThat(cache.slabBytes()).isEqualTo(64);
    coverage.close();
    assertThat(cache.kv.freePages()).isEqualTo(14);
    assertThat(cache.slabBytes()).isEqualTo(32);
  }

  @Test
  void whatFollowsADroppedMatchIsFreed() {
    cache.insert(1, range(0, 4));
    try (Match match = tree.match(1, range(0, 8), 8)) {
      tree.dropVersion(1);
      int[] pages = join(match.pages(), cache.kv.allocate());
      tree.insert(1, range(0, 8), 8, pages, 1, List.of(new Recorded(4, 4, cache.slab(4), 0)));
    }
    assertThat(cache.kv.freePages()).isEqualTo(16);
    assertThat(cache.slabBytes()).isZero();
  }

  @Test
  void wrongArgumentsAreErrors() {
    assertThatThrownBy(() -> tree.match(1, range(0, 4), 5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("5 tokens were asked for of a sequence of 4");
    assertThatThrownBy(() -> tree.insert(1, range(0, 5), 5, new int[1], 0, List.of()))
        .hasMessageContaining("5 tokens need 2 pages of 4");
  }
}
