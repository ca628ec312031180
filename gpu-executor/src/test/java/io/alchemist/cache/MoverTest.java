package io.alchemist.cache;

import static io.alchemist.cache.CacheFixture.join;
import static io.alchemist.cache.CacheFixture.range;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MoverTest {
  private static final int LAYERS = 3;
  private final CacheFixture cache =
      new CacheFixture(LAYERS, device -> new ArenaHostTier(1 << 16, null, device::hostBuffer));
  private final FakeDevice device = cache.device;
  private final PrefixTree tree = cache.tree;
  private final Mover mover = mover(cache, 1 << 20);

  private static Mover mover(CacheFixture cache, long maxBytesInFlight) {
    return new Mover(cache.tree, cache.host, cache.layout, cache.device.ops, maxBytesInFlight);
  }

  @AfterEach
  void nothingIsLeft() {
    device.runCopies();
    mover.close();
    cache.close();
  }

  private Logged logged(int[] tokens) {
    try (Coverage coverage = tree.cover(1, tokens, tokens.length)) {
      return Objects.requireNonNull(coverage.runs().get(0).logged());
    }
  }

  /** Two prompts whose activations one step recorded. */
  private Slab recordedTogether(int[] first, int[] second) {
    Slab step = cache.slab(first.length + second.length);
    cache.insert(1, first, step.retain(), 0);
    cache.insert(1, second, step, first.length);
    return step;
  }

  private void complete(Mover m) {
    await().atMost(Duration.ofSeconds(20)).until(() -> {
      device.runCopies();
      m.poll(true);
      return m.stats().queued() == 0;
    });
  }

  @Test
  void aPieceArrivesWithItsKeysAndValues() {
    int[] tokens = range(0, 10);
    int[] pages = cache.insert(1, tokens);
    Logged logged = logged(tokens);
    Slab slab = Objects.requireNonNull(logged.slab());
    for (int layer = 0; layer < LAYERS; layer++) {
      for (int p = 0; p < 10; p++) {
        int slot = pages[p / 4] * 4 + p % 4;
        FakeDevice.bytes(Objects.requireNonNull(slab.field(layer, 0)))
            .putInt(4 * p, 1000 * layer + p);
        FakeDevice.bytes(cache.kv.keys(layer)).putInt(4 * slot, 1000 * layer + 100 + p);
        FakeDevice.bytes(cache.kv.values(layer)).putInt(4 * slot, 1000 * layer + 200 + p);
      }
    }
    assertThat(mover.offload(logged)).isTrue();
    assertThat(mover.offload(logged)).as("on its way already").isFalse();
    // A field, and keys and values of each of three pages, for each layer.
    assertThat(device.queuedCopies()).isEqualTo((1 + 2 * 3) * LAYERS);
    assertThat(logged.onHost()).isFalse();
    complete(mover);
    assertThat(logged.onHost()).isTrue();
    assertThat(mover.offload(logged)).as("has a copy").isFalse();
    for (int layer = 0; layer < LAYERS; layer++) {
      try (HostBlock block = Objects.requireNonNull(cache.host.get(logged.hostBlockId(layer)))) {
        for (int p = 0; p < 10; p++) {
          var bytes = block.buffer().bytes();
          assertThat(bytes.getInt((int) cache.layout.fieldOffset(0, 10, p)))
              .isEqualTo(1000 * layer + p);
          assertThat(bytes.getInt((int) cache.layout.keysOffset(10, p)))
              .isEqualTo(1000 * layer + 100 + p);
          assertThat(bytes.getInt((int) cache.layout.valuesOffset(10, p)))
              .isEqualTo(1000 * layer + 200 + p);
        }
      }
    }
    assertThat(tree.stats().hostCopyBytes()).isEqualTo(LAYERS * cache.layout.sizeBytes(10));
    assertThat(mover.stats().completedBytes()).isEqualTo(LAYERS * cache.layout.sizeBytes(10));
  }

  @Test
  void aHostCopyOutlivesPagesAndSlab() {
    int[] tokens = range(0, 8);
    cache.insert(1, tokens);
    mover.offload(logged(tokens));
    complete(mover);
    assertThat(tree.evictCopied(1)).isEqualTo(8L * 4 * LAYERS);
    assertThat(tree.evictPages(16)).isEqualTo(16);
    assertThat(cache.matched(1, tokens)).isZero();
    try (Coverage coverage = tree.cover(1, tokens, 6)) {
      Covered run = coverage.runs().get(0);
      assertThat(run.count()).isEqualTo(6);
      assertThat(run.slots()).isNull();
      Logged logged = Objects.requireNonNull(run.logged());
      assertThat(logged.slab()).isNull();
      assertThat(mover.offload(logged)).isFalse();
      // A block is lost, so the rest is worthless and nothing is left of these tokens.
      cache.host.remove(logged.hostBlockId(1));
      tree.forgetHostCopy(logged);
      tree.forgetHostCopy(logged);
      assertThat(logged.onHost()).isFalse();
    }
    assertThat(tree.stats().lostHostCopies()).isEqualTo(1);
    assertThat(tree.stats().segments()).isZero();
    assertThat(cache.host.usedBytes()).isZero();
  }

  @Test
  void whatTheHostHasDroppedStaysOnTheDevice() {
    int[] gone = range(0, 8);
    int[] there = range(20, 8);
    cache.insert(1, gone);
    cache.insert(1, there);
    mover.offload(logged(gone));
    mover.offload(logged(there));
    complete(mover);
    long copied = tree.uncopiedActivationBytes();
    cache.host.remove(logged(gone).hostBlockId(LAYERS - 1));

    assertThat(tree.evictCopied(Long.MAX_VALUE)).isEqualTo(8L * 4 * LAYERS);
    assertThat(logged(there).slab()).isNull();
    assertThat(logged(gone).slab()).isNotNull();
    assertThat(logged(gone).onHost()).isFalse();
    assertThat(tree.stats().lostHostCopies()).isEqualTo(1);
    assertThat(tree.uncopiedActivationBytes()).isEqualTo(copied + 8L * 4 * LAYERS);
    // It can be copied once more.
    assertThat(mover.offload(logged(gone))).isTrue();
    complete(mover);
    assertThat(logged(gone).onHost()).isTrue();
  }

  @Test
  void newPagesComeToASegmentOnTheHost() {
    int[] tokens = range(0, 8);
    cache.insert(1, tokens);
    mover.offload(logged(tokens));
    complete(mover);
    tree.evictPages(16);
    int[] branch = join(range(0, 4), 70, 71, 72, 73);
    cache.insertWithoutActivations(1, branch);
    assertThat(cache.matched(1, branch)).isEqualTo(8);
    assertThat(cache.matched(1, tokens)).isEqualTo(4);
    try (Coverage coverage = tree.cover(1, tokens, 8)) {
      assertThat(coverage.runs()).extracting(Covered::from).containsExactly(0, 4);
      assertThat(coverage.runs().get(0).slots()).isNotNull();
      assertThat(coverage.runs().get(1).slots()).isNull();
      assertThat(coverage.loggedTokens()).isEqualTo(8);
    }
  }

  @Test
  void layersGoForwardWithinTheBytesAllowed() {
    long block = cache.layout.sizeBytes(8);
    try (Mover narrow = mover(cache, 2 * block)) {
      int[] tokens = range(0, 8);
      cache.insert(1, tokens);
      Logged logged = logged(tokens);
      narrow.offload(logged);
      assertThat(narrow.stats().bytesInFlight()).isEqualTo(2 * block);
      assertThat(device.queuedCopies()).as("a field and two pages").isEqualTo(2 * (1 + 2 * 2));
      assertThat(device.openBuffers).hasValue(2);
      // Pinned meanwhile.
      assertThat(tree.evictPages(16)).isEqualTo(14);
      assertThat(tree.evictForActivations(Double.POSITIVE_INFINITY)).isFalse();
      complete(narrow);
      assertThat(narrow.stats().bytesInFlight()).isZero();
      assertThat(logged.hostBlockId(0)).isLessThan(logged.hostBlockId(2));
      assertThat(tree.evictCopied(1)).isPositive();
    }
    try (Mover tiny = mover(cache, 1)) {
      cache.insert(1, range(50, 4));
      tiny.offload(logged(range(50, 4)));
      assertThat(tiny.stats().bytesInFlight()).as("one block always").isPositive();
      complete(tiny);
      assertThat(tiny.stats().completed()).isEqualTo(1);
    }
  }

  @Test
  void aFailedCopyLeavesThePieceAsItWas() {
    int[] tokens = range(0, 8);
    cache.insert(1, tokens);
    Logged logged = logged(tokens);
    mover.offload(logged);
    device.runCopies(4);
    device.nextFailure = new IllegalStateException("the link is down");
    complete(mover);
    assertThat(logged.onHost()).isFalse();
    assertThat(logged.slab()).isNotNull();
    assertThat(mover.stats().failed()).isEqualTo(1);
    assertThat(device.openBuffers).hasValue(0);
    assertThat(cache.host.usedBytes()).isZero();
    assertThat(mover.offload(logged)).as("may be tried again").isTrue();
    complete(mover);
    assertThat(logged.onHost()).isTrue();
  }

  @Test
  void withoutHostMemoryThePieceStays() {
    int[] tokens = range(0, 8);
    cache.insert(1, tokens);
    device.outOfHostMemory = true;
    mover.offload(logged(tokens));
    mover.poll(true);
    assertThat(mover.stats().queued()).isZero();
    assertThat(mover.stats().failed()).isEqualTo(1);
    assertThat(logged(tokens).slab()).isNotNull();
  }

  @Test
  void aTierWithoutRoomRefuses() {
    try (CacheFixture other =
            new CacheFixture(1, device -> new ArenaHostTier(1, null, device::hostBuffer));
        Mover m = mover(other, 1 << 20)) {
      other.insert(1, range(0, 8));
      m.balance(0, 0);
      assertThat(m.stats().queued()).isEqualTo(1);
      await().until(() -> {
        other.device.runCopies();
        m.poll(true);
        return m.stats().queued() == 0;
      });
      assertThat(m.stats().refused()).isEqualTo(1);
      m.balance(0, 0);
      assertThat(m.stats().queued()).as("not asked again until it is used").isZero();
      other.matched(1, range(0, 8));
      m.balance(0, 0);
      assertThat(m.stats().queued()).isEqualTo(1);
      await().until(() -> {
        other.device.runCopies();
        m.poll(true);
        return m.stats().queued() == 0;
      });
    }
  }

  @Test
  void whereThereIsNoTierNothingIsCopied() {
    try (CacheFixture other = new CacheFixture();
        Mover m = mover(other, 1 << 20)) {
      other.insert(1, range(0, 8));
      m.balance(0, 0);
      assertThat(m.stats().queued()).isZero();
      assertThat(other.device.queuedCopies()).isZero();
    }
  }

  @Test
  void whatHasNotBegunIsLetGoWhileAPromptWaits() {
    cache.insert(1, range(0, 8));
    cache.insert(1, range(20, 8));
    try (Mover m = mover(cache, 1)) { // one layer at a time
      m.offload(logged(range(0, 8)));
      m.offload(logged(range(20, 8)));
      assertThat(m.stats().queued()).isEqualTo(2);
      m.poll(false);
      assertThat(m.stats().queued()).isEqualTo(1);
      assertThat(m.pins()).hasSize(1);
      await().until(() -> {
        device.runCopies();
        m.poll(false);
        return m.stats().bytesInFlight() == 0;
      });
      assertThat(device.queuedCopies()).as("no further layer begins").isZero();
      complete(m);
      assertThat(logged(range(0, 8)).onHost()).isTrue();
      assertThat(logged(range(20, 8)).onHost()).isFalse();
      assertThat(m.stats().failed() + m.stats().refused()).isZero();
    }
  }

  @Test
  void balanceCopiesWhatIsWorthMost() {
    long piece = 4L * 4 * LAYERS;
    for (int i = 0; i < 4; i++) {
      cache.insert(1, range(10 * i, 4), new double[] {i == 2 ? 5 : i});
    }
    mover.balance(3 * piece, 2 * piece);
    complete(mover);
    assertThat(logged(range(20, 4)).onHost()).isTrue();
    assertThat(logged(range(30, 4)).onHost()).isTrue();
    assertThat(logged(range(0, 4)).onHost()).isFalse();
    assertThat(logged(range(10, 4)).onHost()).isFalse();
  }

  @Test
  void balanceCopiesTheOldestOfEqualsAndDropsNothing() {
    long piece = 4L * 4 * LAYERS;
    for (int i = 0; i < 4; i++) {
      cache.insert(1, range(10 * i, 4));
    }
    mover.balance(4 * piece, 2 * piece);
    assertThat(mover.stats().queued()).as("not above the mark").isZero();
    mover.balance(3 * piece, 2 * piece);
    assertThat(mover.stats().queued()).isEqualTo(2);
    mover.balance(3 * piece, 2 * piece);
    assertThat(mover.stats().queued()).as("those on their way count").isEqualTo(2);
    complete(mover);
    assertThat(tree.deviceActivationBytes()).isEqualTo(4 * piece);
    assertThat(tree.uncopiedActivationBytes()).isEqualTo(2 * piece);
    mover.balance(3 * piece, 0);
    assertThat(mover.stats().queued()).as("below the mark").isZero();
    // What has a copy is there to be dropped by whoever needs the memory.
    assertThat(tree.evictCopied(2 * piece)).isEqualTo(2 * piece);
    assertThat(logged(range(0, 4)).slab()).isNull();
    assertThat(logged(range(10, 4)).onHost()).isTrue();
    assertThat(logged(range(30, 4)).slab()).isNotNull();
  }

  @Test
  void aSlabIsGivenUpWhenTheHostHasAllOfIt() {
    int[] first = range(0, 4);
    int[] second = range(20, 4);
    Slab step = recordedTogether(first, second);
    mover.offload(logged(first));
    complete(mover);
    assertThat(tree.evictCopied(Long.MAX_VALUE)).as("would free nothing").isZero();
    assertThat(logged(first).slab()).isSameAs(step);
    mover.offload(logged(second));
    complete(mover);
    assertThat(tree.evictCopied(1)).isEqualTo(8L * 4 * LAYERS);
    assertThat(logged(first).slab()).isNull();
    assertThat(logged(second).slab()).isNull();
  }

  @Test
  void whatIsLostMakesTheRestOfItsSlabFree() {
    int[] first = range(0, 4);
    int[] second = range(20, 4);
    Slab unused = recordedTogether(first, second);
    mover.offload(logged(first));
    complete(mover);
    assertThat(tree.evictPages(16)).isEqualTo(16);
    assertThat(cache.slabBytes()).isZero();
    assertThat(logged(first).onHost()).isTrue();
    assertThat(cache.matched(1, second)).isZero();
  }

  @Test
  void aVersionDroppedOnTheWayLeavesNothing() {
    cache.insert(1, range(0, 8));
    mover.offload(logged(range(0, 8)));
    device.runCopies(4);
    tree.dropVersion(1);
    assertThat(cache.slabBytes()).isPositive();
    complete(mover);
    assertThat(cache.slabBytes()).isZero();
    assertThat(cache.kv.freePages()).isEqualTo(16);
    assertThat(cache.host.usedBytes()).isZero();
    assertThat(mover.stats().completed() + mover.stats().failed()).isZero();
  }

  @Test
  void closingGivesUpWhatHasNotBegun() {
    long block = cache.layout.sizeBytes(8);
    Mover narrow = mover(cache, block);
    cache.insert(1, range(0, 8));
    Logged logged = logged(range(0, 8));
    narrow.offload(logged);
    device.runCopies();
    narrow.close();
    assertThat(narrow.offload(logged)).isFalse();
    assertThat(logged.onHost()).isFalse();
    assertThat(cache.host.usedBytes()).isZero();
  }

  @Test
  void closingDoesNotWaitForEver() {
    Mover stuck = mover(cache, 1 << 20);
    cache.insert(1, range(0, 8));
    stuck.offload(logged(range(0, 8)));
    stuck.close(Duration.ofMillis(1));
    assertThat(stuck.stats().queued()).isEqualTo(1);
    // Once the copies have run after all, the rest is given back.
    device.runCopies();
    stuck.poll(true);
    assertThat(stuck.stats().queued()).isZero();
    assertThat(device.openBuffers).hasValue(0);
  }

  @Test
  void otherLayoutsAreRefused() {
    assertThatThrownBy(
            () -> new Mover(tree, cache.host, new BlockLayout(new int[] {4}, 8), device.ops, 100))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("The block layout has 8 bytes for a row of keys, the K/V pages have 4");
    cache.insert(1, range(0, 8));
    try (Mover wrong =
        new Mover(tree, cache.host, new BlockLayout(new int[] {4, 4}, 4), device.ops, 100)) {
      Logged logged = logged(range(0, 8));
      assertThatThrownBy(() -> wrong.offload(logged))
          .hasMessageContaining(
              "a slab of 3 layers with 1 fields are not those of the block layout");
    }
  }
}
