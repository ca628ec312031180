package io.alchemist.cache;

import io.alchemist.cache.Segment.Piece;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What token sequences left behind, found by (weight version, tokens): a radix tree whose segments begin at page borders.
 * Keys, values and activations of one version are never found under another. The package's essay tells who owns what.
 *
 * <p>Engine thread only.
 */
public final class PrefixTree implements AutoCloseable {
  private final Map<Long, Segment> roots = new HashMap<>();
  private final Holdings holdings;
  private final int pageSize;
  private long hits;
  private long misses;
  private long hitTokens;
  private long missTokens;

  /**
   * @param pages the pools whose pages the tree takes over; they outlive it
   * @param host where blocks of dropped activations are removed; it outlives the tree
   */
  public PrefixTree(KvPages pages, HostTier host) {
    this.holdings = new Holdings(pages, host);
    this.pageSize = pages.pageSize();
  }

  Holdings holdings() {
    return holdings;
  }

  Iterable<Segment> roots() {
    return roots.values();
  }

  // ---- serving

  /**
   * Finds and pins the longest prefix of whole pages with K/V on the device.
   *
   * @param limit most tokens to match: less than the prompt where the last token must be computed for its logits
   */
  public Match match(long version, int[] tokens, int limit) {
    checkRange(tokens, limit);
    List<Segment> path = new ArrayList<>();
    int[] pages = new int[limit / pageSize];
    int matched = 0;
    Segment next = roots.get(version);
    while (next != null) {
      next = next.childWithPage(tokens, limit);
      if (next == null || next.pages == null) {
        break;
      }
      int whole = next.common(tokens, limit) / pageSize;
      System.arraycopy(next.pages, 0, pages, matched / pageSize, whole);
      matched += whole * pageSize;
      path.add(next);
      if (whole * pageSize < next.length()) {
        break;
      }
    }
    use(path);
    if (matched > 0) {
      hits++;
    } else {
      misses++;
    }
    hitTokens += matched;
    missTokens += limit - matched;
    return new Match(
        new Pin(holdings, tip(path), List.of()), matched, Arrays.copyOf(pages, matched / pageSize));
  }

  /**
   * Takes over what a sequence computed for {@code tokens[0, count)}.
   *
   * <p>Pages from {@code firstOwnedPage} on, as far as {@code count} reaches, become the tree's, which keeps them, or frees them
   * where it has K/V for that stretch already. The caller goes on owning any further ones. Those before came from a
   * {@link Match}, which must still be open. Where its version was dropped meanwhile, everything handed over is freed.
   *
   * <p>A sequence that goes on afterwards hands over whole pages only, and goes on with the pages of a new match: its own may
   * have been freed for others with the same contents.
   *
   * @param pages {@code pages[i]} holds positions {@code [i · pageSize, (i + 1) · pageSize)}
   * @param recorded activations, one slab reference each; those for positions that have some already are released
   */
  public void insert(
      long version,
      int[] tokens,
      int count,
      int[] pages,
      int firstOwnedPage,
      List<Recorded> recorded) {
    insert(version, tokens, count, pages, firstOwnedPage, recorded, null);
  }

  /**
   * Likewise, and says what the activations of all these tokens may be good for.
   *
   * @param prospect by which they are kept; null where nothing is known, which comes to least recently used
   */
  public void insert(
      long version,
      int[] tokens,
      int count,
      int[] pages,
      int firstOwnedPage,
      List<Recorded> recorded,
      @Nullable Prospect prospect) {
    checkRange(tokens, count);
    if (pages.length < holdings.kv().pagesFor(count) || firstOwnedPage < 0) {
      throw new IllegalArgumentException(count + " tokens need " + holdings.kv().pagesFor(count)
          + " pages of " + pageSize + ", of which none or more are matched; got " + pages.length
          + " pages, the first " + firstOwnedPage + " matched");
    }
    Segment root = roots.computeIfAbsent(version, v -> new Segment(pageSize, null, 0, new int[0]));
    new Insertion(holdings, root, tokens, count, pages, firstOwnedPage, prospect).run(recorded);
    if (root.children.isEmpty() && root.pins == 0) {
      roots.remove(version);
    }
  }

  // ---- training

  /**
   * Finds and pins all that is known of {@code tokens[0, limit)}: unlike {@link #match} to the token, and where K/V is on the
   * host only, too.
   */
  public Coverage cover(long version, int[] tokens, int limit) {
    checkRange(tokens, limit);
    List<Segment> path = new ArrayList<>();
    List<Covered> runs = new ArrayList<>();
    Set<Logged> logged = new LinkedHashSet<>();
    Segment next = roots.get(version);
    while (next != null) {
      next = bestChild(next, tokens, limit);
      if (next != null) {
        path.add(next);
        int end = next.from + next.common(tokens, limit);
        addRuns(next, end, runs, logged);
        next = end < next.end() ? null : next;
      }
    }
    use(path);
    return new Coverage(new Pin(holdings, tip(path), List.copyOf(logged)), runs);
  }

  private static @Nullable Segment bestChild(Segment parent, int[] tokens, int limit) {
    Segment exact = parent.childWithPage(tokens, limit);
    if (exact != null) {
      return exact;
    }
    Segment best = null;
    int most = 0;
    int mostLogged = 0;
    for (Segment child : parent.children.values()) {
      int common = child.common(tokens, limit);
      int logged = child.loggedTokens(child.from, child.from + common);
      if (common > most || (common == most && common > 0 && logged > mostLogged)) {
        best = child;
        most = common;
        mostLogged = logged;
      }
    }
    return best;
  }

  private void addRuns(Segment s, int end, List<Covered> runs, Set<Logged> logged) {
    int at = s.from;
    for (Piece piece : s.pieces) {
      if (piece.from() >= end) {
        break;
      }
      addHole(s, at, piece.from(), runs);
      at = Math.min(end, piece.end());
      addRun(
          new Covered(piece.from(), at - piece.from(), piece.logged(), slots(s, piece.from(), at)),
          runs);
      logged.add(piece.logged());
    }
    addHole(s, at, end, runs);
  }

  private void addHole(Segment s, int from, int to, List<Covered> runs) {
    int[] slots = slots(s, from, to);
    if (from < to && slots != null) {
      addRun(new Covered(from, to - from, null, slots), runs);
    }
  }

  /** What another segment goes on with is one run: where a segment was split is nobody's business. */
  private static void addRun(Covered run, List<Covered> runs) {
    int last = runs.size() - 1;
    if (last >= 0 && runs.get(last).goesOnWith(run)) {
      runs.set(last, runs.get(last).join(run));
    } else {
      runs.add(run);
    }
  }

  private int @Nullable [] slots(Segment s, int from, int to) {
    if (s.pages == null) {
      return null;
    }
    int[] slots = new int[to - from];
    for (int i = 0; i < slots.length; i++) {
      int inSegment = from + i - s.from;
      slots[i] = s.pages[inSegment / pageSize] * pageSize + inSegment % pageSize;
    }
    return slots;
  }

  /** Takes note that a host block of {@code logged} was gone: what only the host copy held is lost. */
  public void forgetHostCopy(Logged logged) {
    holdings.forgetHostCopy(logged);
  }

  // ---- making room

  /**
   * Makes room for K/V pages until {@code wanted} are free or nothing is left to take. Device copies of activations that have a
   * host copy go first, then other activations, which are lost, each time those worth least; of these and, as long as K/V pages
   * hold more than their floor, the pages of unpinned segments, oldest leaves first, goes what was not used for longer. Below the
   * floor pages go last. Activations of a segment that loses its pages live on where they have a host copy, since that holds the
   * keys and values too.
   *
   * @return free pages now
   */
  public int evictPages(int wanted) {
    return holdings.evictPages(wanted);
  }

  /** K/V pages that can't be taken, because a path through them is pinned. */
  public int pinnedPages() {
    int pages = 0;
    Deque<Segment> pinned = new ArrayDeque<>(roots.values());
    while (!pinned.isEmpty()) {
      Segment s = pinned.pop();
      pages += s.pages == null ? 0 : s.pages.length;
      s.children.values().stream().filter(child -> child.pins > 0).forEach(pinned::push);
    }
    return pages;
  }

  /**
   * Makes some room for new activations: gives up the one thing that is next in the order of {@link #evictPages}, but no K/V pages
   * within their floor, and loses no activations that are worth as much.
   *
   * @param worth of the new ones: expected seconds per byte; infinite where others are to go in any case
   * @return false when nothing is left to give up
   */
  public boolean evictForActivations(double worth) {
    return holdings.evictLeast(worth);
  }

  /**
   * Gives up device copies of unpinned activations that have a host copy, and no others.
   *
   * @return bytes that became free
   */
  public long evictCopied(long wantedBytes) {
    return holdings.evictCopied(wantedBytes);
  }

  /**
   * Takes a new look at what activations are worth, by what has become of their {@link Prospect}s. In between they are taken for
   * what they were worth at the last look or use.
   */
  public void revalue() {
    holdings.revalue();
  }

  /** Removes everything of a version; what is pinned goes when its pins go. */
  public void dropVersion(long version) {
    Segment root = roots.remove(version);
    if (root != null) {
      holdings.doom(root);
    }
  }

  /** Removes everything of all versions but these. */
  public void retainVersions(Set<Long> versions) {
    for (Long version : List.copyOf(roots.keySet())) {
      if (!versions.contains(version)) {
        dropVersion(version);
      }
    }
  }

  /** Bytes of the slabs that the tree refers to. */
  public long deviceActivationBytes() {
    return holdings.deviceBytes;
  }

  /** Of these, bytes of slabs that can't be given up without loss, because some of their rows have no host copy. */
  public long uncopiedActivationBytes() {
    return holdings.uncopiedBytes;
  }

  public CacheStats stats() {
    return new CacheStats(
        holdings.segments,
        holdings.kvTokens,
        holdings.deviceBytes,
        holdings.uncopiedBytes,
        holdings.hostBytes,
        hits,
        misses,
        hitTokens,
        missTokens,
        holdings.evictedPages,
        holdings.evictedActivations,
        holdings.lostHostCopies);
  }

  /** Removes everything; what is pinned goes when its pins go. */
  @Override
  public void close() {
    retainVersions(Set.of());
  }

  // ---- shared

  private void use(List<Segment> path) {
    for (Segment s : path) {
      holdings.touch(s);
      for (Piece piece : s.pieces) {
        holdings.touch(piece.logged());
      }
    }
  }

  private static List<Segment> tip(List<Segment> path) {
    return path.isEmpty() ? List.of() : List.of(path.get(path.size() - 1));
  }

  private static void checkRange(int[] tokens, int count) {
    if (count < 0 || count > tokens.length) {
      throw new IllegalArgumentException(
          count + " tokens were asked for of a sequence of " + tokens.length);
    }
  }
}
