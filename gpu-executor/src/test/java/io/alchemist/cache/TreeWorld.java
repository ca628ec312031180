package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.cache.Segment.Piece;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The random user of {@link PrefixTreeModelTest}: sequences, readers, evictions, and all checks. Long because the checks look
 * at everything the package holds, and share its state.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
final class TreeWorld implements AutoCloseable {
  private static final int PAGE = 4;
  private static final int LAYERS = 2;
  private static final int FIELDS = 2;
  private static final int VERSIONS = 3;
  private static final long BLOCK = 2 * LAYERS * PAGE * 4;

  /** A sequence being computed. */
  private record Running(
      long version, int[] tokens, int count, Match match, int[] pages, List<Recorded> recorded) {
    int firstOwned() {
      return match.tokens() / PAGE;
    }
  }

  private record Reader(long version, int[] tokens, Coverage coverage) {}

  private final Random random;
  private final FakeDevice device = new FakeDevice(1L << 30);
  private final DeviceArena arena;
  private final KvPages kv;
  private final ArenaHostTier host;
  private final PrefixTree tree;
  private final Mover mover;
  private final BlockLayout layout = new BlockLayout(new int[] {4, 4}, 4);
  private final boolean roomy;
  private final List<Running> running = new ArrayList<>();
  private final List<Reader> readers = new ArrayList<>();
  private final List<int[]> seen = new ArrayList<>();
  /** For each version, a hash of every prefix whose K/V was handed over; exact where nothing is evicted. */
  private final Map<Long, Set<Integer>> known = new HashMap<>();

  private long steps;
  private long matchedTokens;
  private long hostReads;
  private long mostDiskBytes;
  private long lostCopies;
  private long slabs;
  private long refusedSlabs;
  private long fullest;
  private long gaveWay;
  private long oldestPages;

  TreeWorld(long seed, int pages, Path directory) {
    random = new Random(seed);
    roomy = pages > 1000;
    // Roomy: keys and values never need more than their floor. Otherwise they borrow and are lent
    // to.
    int floor = roomy ? pages : pages / 2;
    long shared = (roomy ? 1L : 6L) * pages * BLOCK;
    arena = new DeviceArena(device.memory, DType.F32, LAYERS, 1, PAGE, floor, shared);
    kv = new KvPages(arena);
    host = new ArenaHostTier(
        roomy ? 60_000 : 10_000, new DiskTier(directory, 4_000), device::hostBuffer);
    tree = new PrefixTree(kv, host);
    mover = new Mover(tree, host, layout, device.ops, 2_000, new Inline());
  }

  // ---- operations

  void step() {
    steps++;
    switch (random.nextInt(20)) {
      case 0, 1, 2, 3, 4 -> start();
      case 5, 6, 7, 8, 9 -> finishOne();
      case 10, 11 -> read();
      case 12, 13 -> closeReader();
      case 14 -> evict();
      case 15 -> mover.balance(random.nextInt(4000), random.nextInt(1000));
      case 16, 17 -> {
        device.runCopies(random.nextInt(40));
        mover.poll(true);
      }
      case 18 -> {
        mover.poll(true);
        tree.revalue();
      }
      default -> rare();
    }
  }

  private void rare() {
    if (random.nextInt(12) == 0) {
      drop(random.nextInt(VERSIONS));
    } else if (random.nextInt(6) == 0) {
      seen.clear();
    } else {
      loseBlock();
    }
  }

  private void drop(long version) {
    tree.dropVersion(version);
    known.remove(version);
  }

  private int[] tokens() {
    int length = 1 + random.nextInt(30);
    int[] tokens = random.ints(length, 0, 2).toArray();
    if (!seen.isEmpty() && random.nextInt(5) > 0) {
      int[] old = seen.get(random.nextInt(seen.size()));
      int shared = Math.min(length, random.nextInt(old.length + 1));
      System.arraycopy(old, 0, tokens, 0, shared);
    }
    seen.add(tokens);
    return tokens;
  }

  private void start() {
    if (running.size() >= 5) {
      return;
    }
    long version = random.nextInt(VERSIONS);
    int[] tokens = tokens();
    int limit = random.nextBoolean() ? tokens.length : tokens.length - 1;
    Match match = tree.match(version, tokens, limit);
    int[] matched = match.pages();
    assertThat(match.tokens()).isEqualTo(matched.length * PAGE).isLessThanOrEqualTo(limit);
    for (int p = 0; p < match.tokens(); p++) {
      checkKv(version, tokens, p, matched[p / PAGE] * PAGE + p % PAGE);
    }
    if (roomy) {
      assertThat(match.tokens()).isEqualTo(knownPrefix(version, tokens, limit) / PAGE * PAGE);
    }
    matchedTokens += match.tokens();
    int count = tokens.length;
    int needed = kv.pagesFor(count) - matched.length;
    if (kv.freePages() < needed && tree.evictPages(needed) < needed) {
      match.close();
      return;
    }
    int[] pages = Arrays.copyOf(matched, matched.length + needed);
    for (int i = matched.length; i < pages.length; i++) {
      pages[i] = kv.allocate();
    }
    for (int p = match.tokens(); p < count; p++) {
      for (int layer = 0; layer < LAYERS; layer++) {
        int slot = pages[p / PAGE] * PAGE + p % PAGE;
        write(kv.keys(layer), slot, number(version, tokens, p, layer, 10));
        write(kv.values(layer), slot, number(version, tokens, p, layer, 11));
      }
    }
    List<Recorded> pieces = record(version, tokens, match.tokens(), count);
    running.add(new Running(version, tokens, count, match, pages, pieces));
  }

  /** Chunks of the positions computed, with holes, some in one slab with others' rows. */
  private List<Recorded> record(long version, int[] tokens, int from, int to) {
    List<Recorded> pieces = new ArrayList<>();
    for (int at = from; at < to; ) {
      int count = 1 + random.nextInt(to - at);
      if (random.nextInt(4) > 0) {
        int before = random.nextInt(3);
        Slab slab = slab(before + count + random.nextInt(2));
        for (int i = 0; slab != null && i < count; i++) {
          for (int layer = 0; layer < LAYERS; layer++) {
            for (int f = 0; f < FIELDS; f++) {
              Tensor field = slab.field(layer, f);
              if (field != null) {
                write(field, before + i, number(version, tokens, at + i, layer, f));
              }
            }
          }
        }
        if (slab == null) {
          refusedSlabs++;
        } else if (count > 1 && random.nextInt(3) == 0) {
          int half = count / 2;
          pieces.add(new Recorded(at, half, slab.retain(), before));
          pieces.add(new Recorded(at + half, count - half, slab, before + half));
        } else {
          pieces.add(new Recorded(at, count, slab, before));
        }
      }
      at += count;
    }
    return pieces;
  }

  /** As the recorder does: what is worth least makes room. */
  private @Nullable Slab slab(int rows) {
    int[][] cols = new int[LAYERS][FIELDS];
    for (int[] layer : cols) {
      // Some layers lack some fields.
      Arrays.setAll(layer, f -> random.nextInt(5) == 0 ? 0 : 1);
    }
    // Some are worth little themselves.
    double worth = random.nextInt(4) == 0 ? random.nextInt(3) / 16.0 : Double.POSITIVE_INFINITY;
    Slab slab = arena.slab(rows, cols);
    while (slab == null && !roomy && evictForActivations(worth)) {
      slab = arena.slab(rows, cols);
    }
    slabs += slab == null ? 0 : 1;
    fullest = Math.max(fullest, arena.activationBytes());
    return slab;
  }

  /** Looks whether that goes which is to go, and nothing else. */
  private boolean evictForActivations(double worth) {
    Map<Slab, List<Logged>> users = users();
    Logged copied = first(tree.holdings().copied().stream()
        .filter(l -> references(l) == users.getOrDefault(l.slab(), List.of()).size())
        .toList());
    List<Logged> together =
        copied == null ? List.of() : users.getOrDefault(copied.slab(), List.of());
    List<Logged> gone = together.stream().filter(l -> !hostHas(l)).toList();
    Logged least = first(tree.holdings().deviceOnly());
    Segment oldest = kv.aboveFloor() ? first(tree.holdings().takeable()) : null;
    boolean pages = copied == null
        && oldest != null
        && (least == null || oldest.lastUse < least.lastUse)
        && uncopied(oldest).stream().allMatch(l -> l.worth < worth);
    boolean loses = copied == null && !pages && least != null && least.worth < worth;
    List<Logged> rest = new ArrayList<>(tree.holdings().deviceOnly());
    rest.removeIf(l -> pages ? l.holders.equals(List.of(oldest)) : loses && l == least);

    assertThat(tree.evictForActivations(worth)).isEqualTo(copied != null || pages || loses);

    // Of what the host has dropped meanwhile the device copy is the only one, and its slab stays.
    assertThat(together)
        .allMatch(l -> gone.isEmpty() ? l.slab() == null : l.onHost() != gone.contains(l));
    gone.stream().filter(l -> !l.onHost() && l.slab() != null).forEach(rest::add);
    rest.sort(Comparator.<Logged>comparingDouble(l -> l.worth).thenComparingLong(l -> l.lastUse));
    assertThat(oldest == null || oldest.onDevice() != pages).isTrue();
    sameOrder(tree.holdings().deviceOnly(), rest);
    if (copied == null && !pages && !loses && (least != null || oldest != null)) {
      gaveWay++;
    }
    oldestPages += pages ? 1 : 0;
    return copied != null || pages || loses;
  }

  private static int references(Logged logged) {
    Slab slab = logged.slab();
    return slab == null ? 0 : slab.references();
  }

  /** What the tree has of each slab. */
  private Map<Slab, List<Logged>> users() {
    Set<Segment> segments = new HashSet<>();
    tree.roots().forEach(root -> collect(root, segments));
    Map<Slab, List<Logged>> users = new HashMap<>();
    segments.stream()
        .flatMap(s -> s.pieces.stream())
        .map(Piece::logged)
        .distinct()
        .filter(l -> l.slab() != null)
        .forEach(l -> users.computeIfAbsent(l.slab(), k -> new ArrayList<>()).add(l));
    return users;
  }

  private boolean hostHas(Logged logged) {
    for (int layer = 0; layer < LAYERS; layer++) {
      if (!host.has(logged.hostBlockId(layer))) {
        return false;
      }
    }
    return true;
  }

  private static <T> @Nullable T first(Collection<T> order) {
    return order.isEmpty() ? null : order.iterator().next();
  }

  private static List<Logged> uncopied(Segment s) {
    return s.pieces.stream().map(Piece::logged).filter(l -> !l.onHost()).toList();
  }

  private void finishOne() {
    if (running.isEmpty()) {
      return;
    }
    Running r = running.remove(random.nextInt(running.size()));
    // Sometimes a sequence is cut short: what lies behind stays its own.
    int count = random.nextInt(4) == 0 ? random.nextInt(r.count + 1) : r.count;
    count = Math.max(count, r.match.tokens());
    boolean whole = known.containsKey(r.version) || r.firstOwned() == 0;
    tree.insert(r.version, r.tokens, count, r.pages, r.firstOwned(), r.recorded, prospect());
    for (int i = Math.max(r.firstOwned(), kv.pagesFor(count)); i < r.pages.length; i++) {
      kv.free(r.pages[i]);
    }
    r.match.close();
    if (whole && knownPrefix(r.version, r.tokens, r.match.tokens()) == r.match.tokens()) {
      Set<Integer> prefixes = known.computeIfAbsent(r.version, v -> new HashSet<>());
      for (int p = 0; p < count; p++) {
        prefixes.add(number(r.version, r.tokens, p, 0, 99));
      }
    }
  }

  /** Of whatever worth, which changes now and then; often of none. */
  private @Nullable Prospect prospect() {
    double seconds = random.nextInt(3);
    long now = steps;
    return random.nextBoolean() ? null : (from, n) -> steps - now > 200 ? 0 : seconds * n;
  }

  private int knownPrefix(long version, int[] tokens, int limit) {
    Set<Integer> prefixes = known.getOrDefault(version, Set.of());
    int p = 0;
    while (p < limit && prefixes.contains(number(version, tokens, p, 0, 99))) {
      p++;
    }
    return p;
  }

  private void read() {
    if (readers.size() >= 4) {
      return;
    }
    int[] tokens =
        random.nextBoolean() && !seen.isEmpty() ? seen.get(random.nextInt(seen.size())) : tokens();
    long version = random.nextInt(VERSIONS);
    int limit = random.nextInt(tokens.length + 1);
    Coverage coverage = tree.cover(version, tokens, limit);
    Reader reader = new Reader(version, tokens, coverage);
    if (roomy) {
      assertThat(coverage.runs().stream().mapToInt(Covered::count).sum())
          .isEqualTo(knownPrefix(version, tokens, limit));
    }
    readers.add(reader);
    checkReader(reader);
  }

  private void closeReader() {
    if (!readers.isEmpty()) {
      Reader reader = readers.remove(random.nextInt(readers.size()));
      checkReader(reader);
      reader.coverage.close();
      reader.coverage.close();
    }
  }

  private void evict() {
    if (roomy) {
      return;
    }
    if (random.nextBoolean()) {
      int wanted = random.nextInt(kv.pageCount() / 2);
      int free = tree.evictPages(wanted);
      assertThat(free).isEqualTo(kv.freePages());
      assertThat(free >= wanted || tree.holdings().takeable().isEmpty()).isTrue();
    } else if (random.nextBoolean()) {
      boolean unused = evictForActivations(random.nextInt(3) / 16.0);
    } else {
      long used = arena.activationBytes();
      long freed = tree.evictCopied(random.nextInt(600));
      assertThat(used - arena.activationBytes()).isGreaterThanOrEqualTo(freed);
    }
  }

  /** A tier may lose any block: the reader who finds it gone says so. */
  private void loseBlock() {
    for (Reader reader : readers) {
      for (Covered run : reader.coverage.runs()) {
        Logged logged = run.logged();
        if (logged != null && logged.onHost()) {
          host.remove(logged.hostBlockId(random.nextInt(LAYERS)));
          tree.forgetHostCopy(logged);
          assertThat(logged.onHost()).isFalse();
          lostCopies++;
          return;
        }
      }
    }
  }

  // ---- checks of contents

  private void checkReader(Reader reader) {
    int at = 0;
    int positions = 0;
    for (Covered run : reader.coverage.runs()) {
      assertThat(run.count()).isPositive();
      assertThat(run.from()).isGreaterThanOrEqualTo(at);
      at = run.from() + run.count();
      positions += run.count();
      int[] slots = run.slots();
      Logged logged = run.logged();
      assertThat(slots != null || logged != null).isTrue();
      for (int i = 0; slots != null && i < run.count(); i++) {
        checkKv(reader.version, reader.tokens, run.from() + i, slots[i]);
      }
      if (logged != null) {
        checkLogged(reader, run, logged);
      }
    }
    assertThat(positions).isGreaterThanOrEqualTo(reader.coverage.loggedTokens());
  }

  private void checkLogged(Reader reader, Covered run, Logged logged) {
    Slab slab = logged.slab();
    for (int p = run.from(); p < run.from() + run.count(); p++) {
      for (int layer = 0; slab != null && layer < LAYERS; layer++) {
        for (int f = 0; f < FIELDS; f++) {
          Tensor field = slab.field(layer, f);
          if (field != null) {
            same(
                FakeDevice.bytes(field).getInt(4 * logged.slabRow(p)),
                number(reader.version, reader.tokens, p, layer, f));
          }
        }
      }
    }
    for (int layer = 0; logged.onHost() && layer < LAYERS; layer++) {
      try (HostBlock block = host.get(logged.hostBlockId(layer))) {
        if (block == null) {
          tree.forgetHostCopy(logged);
          lostCopies++;
          return;
        }
        hostReads++;
        mostDiskBytes = Math.max(mostDiskBytes, host.diskBytes());
        checkBlock(reader, run, logged, layer, block.buffer().bytes());
      }
    }
  }

  private void checkBlock(Reader reader, Covered run, Logged logged, int layer, ByteBuffer bytes) {
    int n = logged.count();
    BlockLayout block = layout.only(logged.hostFieldMask(layer));
    for (int p = run.from(); p < run.from() + run.count(); p++) {
      int row = logged.row(p);
      for (int f = 0; f < FIELDS; f++) {
        if ((logged.hostFieldMask(layer) & 1 << f) != 0) {
          same(
              bytes.getInt((int) block.fieldOffset(f, n, row)),
              number(reader.version, reader.tokens, p, layer, f));
        }
      }
      same(
          bytes.getInt((int) block.keysOffset(n, row)),
          number(reader.version, reader.tokens, p, layer, 10));
      same(
          bytes.getInt((int) block.valuesOffset(n, row)),
          number(reader.version, reader.tokens, p, layer, 11));
    }
  }

  private void checkKv(long version, int[] tokens, int position, int slot) {
    for (int layer = 0; layer < LAYERS; layer++) {
      same(
          FakeDevice.bytes(kv.keys(layer)).getInt(4 * slot),
          number(version, tokens, position, layer, 10));
      same(
          FakeDevice.bytes(kv.values(layer)).getInt(4 * slot),
          number(version, tokens, position, layer, 11));
    }
  }

  private static void write(Tensor to, int row, int number) {
    FakeDevice.bytes(to).putInt(4 * row, number);
  }

  private static void same(int actual, int expected) {
    if (actual != expected) {
      assertThat(actual).isEqualTo(expected);
    }
  }

  private static int number(long version, int[] tokens, int position, int layer, int what) {
    int hash = (int) version * 7919 + 17;
    for (int i = 0; i <= position; i++) {
      hash = (hash ^ (tokens[i] + 1)) * 0x01000193 + Integer.rotateLeft(hash, 13);
    }
    return (hash ^ (layer * 1000 + what)) * 0x9E3779B1;
  }

  // ---- checks of structure

  void check() {
    Set<Segment> segments = new HashSet<>();
    Map<Segment, Integer> pins = new HashMap<>();
    Map<Logged, Integer> loggedPins = new HashMap<>();
    for (Segment root : tree.roots()) {
      collect(root, segments);
    }
    for (Pin pin : pins()) {
      pin.logged().forEach(l -> loggedPins.merge(l, 1, Integer::sum));
      for (Segment tip : pin.tips()) {
        for (Segment s = tip; s != null; s = s.parent) {
          pins.merge(s, 1, Integer::sum);
          if (s.parent != null) {
            segments.add(s);
          }
        }
      }
    }
    BitSet owned = new BitSet();
    for (Running r : running) {
      for (int i = r.firstOwned(); i < r.pages.length; i++) {
        own(owned, r.pages[i]);
      }
    }
    long kvTokens = 0;
    Set<Logged> logged = new HashSet<>();
    logged.addAll(loggedPins.keySet());
    for (Segment s : segments) {
      checkSegment(s, pins.getOrDefault(s, 0));
      int[] pages = s.pages;
      if (pages != null) {
        assertThat(pages.length).isEqualTo(kv.pagesFor(s.length()));
        kvTokens += s.length();
        for (int page : pages) {
          own(owned, page);
        }
      }
      s.pieces.forEach(piece -> logged.add(piece.logged()));
    }
    assertThat(arena.kvBytes()).isEqualTo(owned.cardinality() * BLOCK);
    checkLogged(logged, loggedPins);
    CacheStats stats = tree.stats();
    assertThat(stats.segments()).isEqualTo(segments.size());
    assertThat(stats.kvTokens()).isEqualTo(kvTokens);
    checkOrders(segments, logged);
  }

  private List<Pin> pins() {
    List<Pin> pins = new ArrayList<>();
    running.forEach(r -> pins.add(r.match.pin()));
    readers.forEach(r -> pins.add(r.coverage.pin()));
    pins.addAll(mover.pins());
    return pins;
  }

  private static void collect(Segment s, Set<Segment> into) {
    for (Segment child : s.children.values()) {
      assertThat(child.parent).isSameAs(s);
      assertThat(child.from).isEqualTo(s.end());
      assertThat(child.from % PAGE).isZero();
      assertThat(s.children.get(child.key())).isSameAs(child);
      assertThat(child.doomed).isFalse();
      into.add(child);
      collect(child, into);
    }
  }

  private void own(BitSet owned, int page) {
    assertThat(kv.isUsed(page)).isTrue();
    assertThat(owned.get(page)).as("page %d has two owners", page).isFalse();
    owned.set(page);
  }

  private static void checkSegment(Segment s, int pins) {
    assertThat(s.pins).isEqualTo(pins);
    assertThat(s.length()).isPositive();
    if (s.doomed) {
      assertThat(pins).isPositive();
      assertThat(s.pieces).isEmpty();
      return;
    }
    assertThat(s.isEmpty() && pins == 0).isFalse();
    assertThat(s.children.isEmpty() || s.length() % PAGE == 0).isTrue();
    Segment parent = s.parent;
    assertThat(parent != null && (!s.onDevice() || parent.parent == null || parent.onDevice()))
        .isTrue();
    assertThat(s.deviceChildren)
        .isEqualTo((int) s.children.values().stream().filter(Segment::onDevice).count());
    int at = s.from;
    for (Piece piece : s.pieces) {
      Logged logged = piece.logged();
      assertThat(piece.from()).isGreaterThanOrEqualTo(Math.max(at, logged.from()));
      at = piece.end();
      assertThat(at).isLessThanOrEqualTo(logged.from() + logged.count());
      assertThat(logged.holders).contains(s);
      assertThat(logged.onHost() || (logged.slab() != null && s.onDevice())).isTrue();
    }
    assertThat(at).isLessThanOrEqualTo(s.end());
  }

  private void checkLogged(Set<Logged> all, Map<Logged, Integer> pins) {
    Map<Slab, Integer> references = new HashMap<>();
    Set<Slab> inTree = new HashSet<>();
    long hostBytes = 0;
    for (Logged logged : all) {
      assertThat(logged.pins).isEqualTo(pins.getOrDefault(logged, 0));
      for (Segment holder : logged.holders) {
        assertThat(holder.pieces.stream().filter(p -> p.logged() == logged)).hasSize(1);
      }
      Slab slab = logged.slab();
      if (slab != null) {
        references.merge(slab, 1, Integer::sum);
        inTree.add(slab);
      }
      if (logged.onHost()) {
        for (int layer = 0; layer < LAYERS; layer++) {
          hostBytes += layout.only(logged.hostFieldMask(layer)).sizeBytes(logged.count());
        }
      }
    }
    running.forEach(r -> r.recorded.forEach(p -> references.merge(p.slab(), 1, Integer::sum)));
    references.forEach((slab, n) -> assertThat(slab.references()).isEqualTo(n));
    BitSet blocks = new BitSet();
    references.keySet().forEach(slab -> own(blocks, slab));
    assertThat(arena.activationBytes())
        .isEqualTo(blocks.cardinality() * BLOCK)
        .isLessThanOrEqualTo(arena.activationLimitBytes());
    assertThat(arena.activationBytes() + arena.kvBytes() + kv.freePages() * BLOCK)
        .isEqualTo(arena.sizeBytes());
    assertThat(tree.deviceActivationBytes())
        .isEqualTo(inTree.stream().mapToLong(Slab::sizeBytes).sum());
    assertThat(tree.stats().hostCopyBytes()).isEqualTo(hostBytes);
  }

  /** Slabs have blocks of their own. */
  private static void own(BitSet blocks, Slab slab) {
    BitSet own = new BitSet();
    for (int layer = 0; layer < LAYERS; layer++) {
      for (int f = 0; f < FIELDS; f++) {
        Tensor t = slab.field(layer, f);
        if (t != null) {
          own.set(
              (int) (t.offsetBytes() / BLOCK),
              (int) ((t.offsetBytes() + t.sizeBytes() - 1) / BLOCK) + 1);
        }
      }
    }
    assertThat(blocks.intersects(own)).isFalse();
    blocks.or(own);
  }

  private void checkOrders(Set<Segment> segments, Set<Logged> logged) {
    TreeMap<Long, Segment> takeable = new TreeMap<>();
    for (Segment s : segments) {
      if (!s.doomed && s.pins == 0 && s.onDevice() && s.deviceChildren == 0) {
        takeable.put(s.lastUse, s);
      }
    }
    Set<Slab> uncopied = new HashSet<>();
    Set<Slab> pinned = new HashSet<>();
    for (Logged l : logged) {
      if (l.slab() != null && !l.onHost()) {
        uncopied.add(l.slab());
      }
      if (l.slab() != null && l.pins > 0) {
        pinned.add(l.slab());
      }
    }
    List<Logged> copied = new ArrayList<>();
    List<Logged> deviceOnly = new ArrayList<>();
    for (Logged l : logged) {
      if (l.slab() != null && l.pins == 0) {
        if (!l.onHost()) {
          deviceOnly.add(l);
        } else if (!uncopied.contains(l.slab()) && !pinned.contains(l.slab())) {
          copied.add(l);
        }
      }
    }
    Comparator<Logged> byWorth =
        Comparator.<Logged>comparingDouble(l -> l.worth).thenComparing(l -> l.lastUse);
    copied.sort(byWorth);
    deviceOnly.sort(byWorth);
    sameOrder(tree.holdings().takeable(), takeable.values());
    sameOrder(tree.holdings().copied(), copied);
    sameOrder(tree.holdings().deviceOnly(), deviceOnly);
    deviceOnly.sort(
        Comparator.<Logged>comparingDouble(l -> -l.worth).thenComparing(l -> l.lastUse));
    sameOrder(tree.holdings().worthCopying(), deviceOnly);
    assertThat(tree.uncopiedActivationBytes())
        .isEqualTo(uncopied.stream().mapToLong(Slab::sizeBytes).sum());
  }

  private static void sameOrder(Collection<?> actual, Collection<?> expected) {
    assertThat(new ArrayList<>(actual)).isEqualTo(new ArrayList<>(expected));
  }

  // ---- the end

  /** Gives everything back and looks whether anything is left. */
  void finish() {
    assertThat(matchedTokens).isPositive();
    if (!roomy) {
      assertThat(hostReads).as("blocks read").isPositive();
      assertThat(mostDiskBytes).as("spilled to disk").isBetween(1L, 4_000L);
      assertThat(lostCopies).as("host copies lost").isPositive();
      assertThat(tree.stats().evictedPages()).isPositive();
      assertThat(refusedSlabs).as("slabs refused").isLessThan(slabs / 10);
      assertThat(gaveWay).as("worth less than others").isPositive();
      assertThat(oldestPages).as("pages given up for activations").isPositive();
      assertThat(fullest).as("most activations").isGreaterThan(arena.activationLimitBytes() / 2);
    }
    assertThat(mover.stats().completed()).as("offloaded").isPositive();
    for (Running r : running) {
      tree.insert(r.version, r.tokens, r.count, r.pages, r.firstOwned(), r.recorded);
      r.match.close();
    }
    running.clear();
    tree.close();
    readers.forEach(r -> r.coverage.close());
    readers.clear();
    device.runCopies();
    mover.poll(true);
    mover.close();
    tree.close();
    check();
    assertThat(kv.freePages()).isEqualTo(kv.pageCount());
    assertThat(tree.stats().segments()).isZero();
    assertThat(host.usedBytes()).isZero();
    assertThat(device.openBuffers).hasValue(0);
  }

  @Override
  public void close() {
    host.close();
    arena.close();
    device.memory.close();
  }

  /** Runs at once, on the engine's thread, so that a seed always does the same. */
  private static final class Inline extends AbstractExecutorService {
    private boolean shutdown;

    @Override
    public void execute(Runnable task) {
      task.run();
    }

    @Override
    public void shutdown() {
      shutdown = true;
    }

    @Override
    public List<Runnable> shutdownNow() {
      shutdown();
      return List.of();
    }

    @Override
    public boolean isShutdown() {
      return shutdown;
    }

    @Override
    public boolean isTerminated() {
      return shutdown;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
      return shutdown;
    }
  }
}
