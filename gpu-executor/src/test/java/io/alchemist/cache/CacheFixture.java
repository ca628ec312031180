package io.alchemist.cache;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** A small tree of pages of four tokens, and sequences for it. One field a layer. */
final class CacheFixture implements AutoCloseable {
  static final int PAGE = 4;
  final FakeDevice device = new FakeDevice(1 << 20);
  final DeviceArena arena;
  final KvPages kv;
  final HostTier host;
  final PrefixTree tree;
  final BlockLayout layout = new BlockLayout(new int[] {4}, 4);

  private CacheFixture(int layers, int floorPages, Function<FakeDevice, HostTier> host) {
    this.arena = new DeviceArena(
        device.memory,
        DType.F32,
        layers,
        1,
        PAGE,
        floorPages,
        (16 - floorPages) * DeviceArena.blockBytes(DType.F32, layers, 1, PAGE));
    this.kv = new KvPages(arena);
    this.host = host.apply(device);
    this.tree = new PrefixTree(kv, this.host);
  }

  CacheFixture(int layers, Function<FakeDevice, HostTier> host) {
    this(layers, 1, host);
  }

  /** All pages are within the floor of keys and values, so that activations give way to each other only. */
  static CacheFixture withinFloor() {
    return new CacheFixture(1, 16, device -> HostTier.none());
  }

  CacheFixture() {
    this(1, device -> HostTier.none());
  }

  /** {@code count} numbers from {@code first}. */
  static int[] range(int first, int count) {
    int[] tokens = new int[count];
    Arrays.setAll(tokens, i -> first + i);
    return tokens;
  }

  static int[] join(int[] a, int... b) {
    int[] joined = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, joined, a.length, b.length);
    return joined;
  }

  int[] allocate(int tokens) {
    int[] pages = new int[kv.pagesFor(tokens)];
    Arrays.setAll(pages, i -> kv.allocate());
    return pages;
  }

  /** In memory of its own, so that a test can count bytes. */
  Slab slab(int rows) {
    Tensor[][] fields = new Tensor[kv.layers()][1];
    for (Tensor[] layer : fields) {
      layer[0] = device.memory.allocate("slab", DType.F32, rows, 1);
    }
    return new Slab(rows, fields, () -> {
      for (Tensor[] layer : fields) {
        layer[0].close();
      }
    });
  }

  /** Inserts with pages of its own and activations for all positions. */
  int[] insert(long version, int[] tokens) {
    int[] pages = allocate(tokens.length);
    Recorded all = new Recorded(0, tokens.length, slab(tokens.length), 0);
    tree.insert(version, tokens, tokens.length, pages, 0, List.of(all));
    return pages;
  }

  /** Likewise, with activations in some rows of a slab. */
  void insert(long version, int[] tokens, Slab slab, int firstRow) {
    tree.insert(
        version,
        tokens,
        tokens.length,
        allocate(tokens.length),
        0,
        List.of(new Recorded(0, tokens.length, slab, firstRow)));
  }

  /** Likewise; training is expected to save so many seconds by each of its positions, whatever they are by then. */
  void insert(long version, int[] tokens, double[] secondsEach) {
    Recorded all = new Recorded(0, tokens.length, slab(tokens.length), 0);
    tree.insert(
        version,
        tokens,
        tokens.length,
        allocate(tokens.length),
        0,
        List.of(all),
        (from, count) -> secondsEach[0] * count);
  }

  int[] insertWithoutActivations(long version, int[] tokens) {
    int[] pages = allocate(tokens.length);
    tree.insert(version, tokens, tokens.length, pages, 0, List.of());
    return pages;
  }

  int matched(long version, int[] tokens) {
    try (Match match = tree.match(version, tokens, tokens.length)) {
      return match.tokens();
    }
  }

  long slabBytes() {
    return device.memory.usedBytes() - 2L * kv.layers() * kv.pageCount() * PAGE * 4;
  }

  /** Fails where something was left behind. */
  @Override
  public void close() {
    tree.close();
    if (kv.freePages() != kv.pageCount() || slabBytes() != 0) {
      throw new AssertionError("left behind: " + (kv.pageCount() - kv.freePages()) + " pages, "
          + slabBytes() + " bytes of slabs");
    }
    host.close();
    if (device.openBuffers.get() != 0) {
      throw new AssertionError(device.openBuffers + " host buffers left behind");
    }
    arena.close();
    device.memory.close();
  }
}
