package io.alchemist.cache;

import io.alchemist.cache.Segment.Piece;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the segments of a tree hold, and who may lose it first: pages, slab references, host copies, pins, the orders of
 * eviction, the counts. Every change of one of these goes through here; which tokens a segment stands for is the business of
 * {@link PrefixTree}.
 *
 * <p>Longer than most classes: the counts and orders hold only if whatever changes one of them changes the others with it.
 *
 * <p>Engine thread only.
 */
final class Holdings {
  private final KvPages kv;
  private final HostTier host;

  /** Segments whose pages may be taken, least recently used first. */
  private final TreeMap<Long, Segment> takeable = new TreeMap<>();
  /** Who goes first: who is worth least, then who was not used for longest. */
  private static final Comparator<Logged> BY_WORTH =
      Comparator.<Logged>comparingDouble(l -> l.worth).thenComparingLong(l -> l.lastUse);

  /** Activations on the device and on the host, in slabs of which the host has all and nothing is pinned: they free memory at no loss. */
  private final NavigableSet<Logged> copied = new TreeSet<>(BY_WORTH);
  /** Unpinned activations on the device only. */
  private final NavigableSet<Logged> deviceOnly = new TreeSet<>(BY_WORTH);
  /** What refers to each slab. */
  private final Map<Slab, Uses> slabs = new HashMap<>();

  /** Which Logged refer to a slab, how many of them have no host copy, and how many are pinned. */
  private static final class Uses {
    private final Set<Logged> all = Collections.newSetFromMap(new IdentityHashMap<>());
    private int uncopied;
    private int pinned;

    /** Whether to give up what the host has of it would free the slab. */
    boolean isFreeable() {
      return uncopied == 0 && pinned == 0;
    }
  }

  private long clock;
  private long nextHostId;
  int segments;
  long kvTokens;
  long deviceBytes;
  /** Of slabs that can't be given up without loss. */
  long uncopiedBytes;

  long hostBytes;
  long evictedPages;
  long evictedActivations;
  long lostHostCopies;

  Holdings(KvPages kv, HostTier host) {
    this.kv = kv;
    this.host = host;
  }

  KvPages kv() {
    return kv;
  }

  // ---- order of use

  Collection<Segment> takeable() {
    return takeable.values();
  }

  Collection<Logged> copied() {
    return copied;
  }

  /** Unpinned activations without a host copy, those first that may be lost first. */
  Collection<Logged> deviceOnly() {
    return deviceOnly;
  }

  /**
   * Unpinned activations without a host copy that the host tier has not refused, those worth most first, of equal ones the
   * least recently used.
   */
  List<Logged> worthCopying() {
    List<Logged> all = new ArrayList<>();
    for (Logged logged : deviceOnly) {
      // Asked for at every turn of the engine: what was refused need not be sorted.
      if (!logged.refused) {
        all.add(logged);
      }
    }
    all.sort(Comparator.<Logged>comparingDouble(l -> -l.worth).thenComparingLong(l -> l.lastUse));
    return all;
  }

  void touch(Segment segment) {
    takeable.remove(segment.lastUse);
    segment.lastUse = ++clock;
    refresh(segment);
  }

  void touch(Logged logged) {
    copied.remove(logged);
    deviceOnly.remove(logged);
    logged.lastUse = ++clock;
    logged.refused = false;
    logged.revalue();
    refresh(logged);
  }

  /** Another request has these activations in its prompt. */
  void expect(Logged logged, Prospect prospect) {
    copied.remove(logged);
    deviceOnly.remove(logged);
    logged.add(prospect);
    logged.revalue();
    refresh(logged);
  }

  /** Takes a new look at what activations are worth. */
  void revalue() {
    revalue(copied);
    revalue(deviceOnly);
  }

  private static void revalue(NavigableSet<Logged> order) {
    List<Logged> all = List.copyOf(order);
    order.clear();
    for (Logged logged : all) {
      logged.revalue();
      order.add(logged);
    }
  }

  void refresh(Segment s) {
    if (s.parent != null && s.onDevice() && s.pins == 0 && s.deviceChildren == 0 && !s.doomed) {
      takeable.put(s.lastUse, s);
    } else {
      takeable.remove(s.lastUse);
    }
  }

  void refresh(Logged logged) {
    boolean idle = logged.slab() != null && logged.pins == 0 && !logged.holders.isEmpty();
    if (idle && logged.onHost() && isFreeable(logged.slab())) {
      copied.add(logged);
    } else {
      copied.remove(logged);
    }
    if (idle && !logged.onHost()) {
      deviceOnly.add(logged);
    } else {
      deviceOnly.remove(logged);
    }
  }

  private boolean isFreeable(@Nullable Slab slab) {
    Uses uses = slabs.get(slab);
    return uses != null && uses.isFreeable();
  }

  // ---- pins

  /** Pins a segment and all above it. A segment split off above it later takes over its count, so walking up stays right. */
  void pinPath(Segment tip) {
    for (Segment s = tip; s != null; s = s.parent) {
      s.pins++;
      refresh(s);
    }
  }

  void unpinPath(Segment tip) {
    for (Segment s = tip; s != null; s = s.parent) {
      s.pins--;
      if (s.pins > 0) {
        continue;
      }
      if (s.doomed) {
        dispose(s);
      } else {
        refresh(s);
        prune(s);
      }
    }
  }

  void pin(Logged logged) {
    if (logged.pins++ == 0) {
      countPinned(logged.slab(), 1);
    }
    refresh(logged);
  }

  void unpin(Logged logged) {
    if (--logged.pins == 0) {
      countPinned(logged.slab(), -1);
    }
    refresh(logged);
    disposeIfUnheld(logged);
  }

  // ---- pages

  /** Gives a segment K/V pages, or takes note that it has none any more; does not free those it had. */
  void setPages(Segment s, int @Nullable [] pages) {
    boolean before = s.onDevice();
    s.pages = pages;
    boolean after = pages != null;
    if (before != after) {
      kvTokens += after ? s.length() : -s.length();
      Segment parent = s.parent;
      if (parent != null && !s.doomed) {
        parent.deviceChildren += after ? 1 : -1;
        refresh(parent);
      }
    }
    refresh(s);
  }

  void freePages(Segment s) {
    int[] pages = s.pages;
    if (pages != null) {
      setPages(s, null);
      for (int page : pages) {
        kv.free(page);
      }
    }
  }

  // ---- making room

  /** Frees blocks of the arena until so many are free or nothing is left to take; returns how many are free then. */
  int evictPages(int wanted) {
    boolean more = true;
    while (kv.freePages() < wanted && more) {
      more = evictLeast(Double.POSITIVE_INFINITY) || evictOldestPages();
    }
    return kv.freePages();
  }

  /**
   * Gives one thing up: a device copy of activations that have a host copy, which loses nothing; otherwise of the others what is
   * worth least or, where keys and values hold more than their floor, the oldest pages, whichever was not used for longer.
   *
   * @param worth nothing is lost that is worth so many expected seconds per byte, or more
   * @return false when there is nothing of all that
   */
  boolean evictLeast(double worth) {
    Slab free = firstFreeable();
    if (free != null) {
      long unused = giveUp(free);
      return true;
    }
    Logged least = deviceOnly.isEmpty() ? null : deviceOnly.first();
    Segment oldest =
        kv.aboveFloor() && !takeable.isEmpty() ? takeable.firstEntry().getValue() : null;
    if (oldest != null
        && (least == null || oldest.lastUse < least.lastUse)
        && losesOnly(oldest, worth)) {
      return evictOldestPages();
    }
    if (least == null || least.worth >= worth) {
      return false;
    }
    evictUncopied(least);
    return true;
  }

  /** Whether activations that go with these pages are all worth less. */
  private static boolean losesOnly(Segment s, double worth) {
    return s.pieces.stream().map(Piece::logged).allMatch(l -> l.onHost() || l.worth < worth);
  }

  private boolean evictOldestPages() {
    if (takeable.isEmpty()) {
      return false;
    }
    Segment s = takeable.firstEntry().getValue();
    evictedPages += s.pages == null ? 0 : s.pages.length;
    freePages(s);
    dropPiecesWithoutHostCopy(s);
    prune(s);
    return true;
  }

  // ---- activations

  /**
   * Attaches new activations. Where they go on with those at the end of the segment above, as the last tokens of a prompt do, and
   * nobody has copied or read these meanwhile, they become part of them, so that backward reads them at once; else they take a
   * reference of the slab.
   */
  void attach(Segment s, int from, int count, Slab slab, int firstRow) {
    Logged before = from == s.from && s.parent != null ? s.parent.lastLogged() : null;
    if (before != null && before.grow(from, count, slab, firstRow)) {
      s.addPiece(new Piece(from, count, before));
      touch(before);
      return;
    }
    Logged logged = new Logged(from, count, slab.retain(), firstRow);
    Uses uses = slabs.computeIfAbsent(slab, k -> new Uses());
    if (uses.all.isEmpty()) {
      deviceBytes += slab.sizeBytes();
    }
    uses.all.add(logged);
    countUncopied(slab, 1);
    s.addPiece(new Piece(from, count, logged));
    touch(logged);
  }

  /** Gives up the device copy; returns the bytes that became free. */
  private long dropSlab(Logged logged) {
    Slab slab = logged.slab();
    if (slab == null) {
      return 0;
    }
    logged.forgetSlab();
    refresh(logged);
    if (!logged.onHost()) {
      countUncopied(slab, -1);
    }
    Uses uses = slabs.get(slab);
    if (uses != null && uses.all.remove(logged) && uses.all.isEmpty()) {
      slabs.remove(slab);
      deviceBytes -= slab.sizeBytes();
    }
    return slab.release() ? slab.sizeBytes() : 0;
  }

  /** One more Logged, or one less, has its rows of a slab there only. */
  private void countUncopied(@Nullable Slab slab, int change) {
    Uses uses = slab == null ? null : slabs.get(slab);
    if (slab == null || uses == null) {
      return;
    }
    boolean before = uses.uncopied > 0;
    uses.uncopied += change;
    boolean after = uses.uncopied > 0;
    if (before != after) {
      uncopiedBytes += after ? slab.sizeBytes() : -slab.sizeBytes();
      uses.all.forEach(this::refresh);
    }
  }

  /** One more Logged of a slab, or one less, is pinned. */
  private void countPinned(@Nullable Slab slab, int change) {
    Uses uses = slabs.get(slab);
    if (uses != null) {
      boolean before = uses.pinned > 0;
      uses.pinned += change;
      if (before != uses.pinned > 0) {
        uses.all.forEach(this::refresh);
      }
    }
  }

  private void dropHostCopy(Logged logged) {
    long[] ids = logged.hostIds();
    if (ids != null) {
      countUncopied(logged.slab(), 1);
      hostBytes -= logged.hostBytes;
      logged.forgetHostCopy();
      for (long id : ids) {
        host.remove(id);
      }
      refresh(logged);
    }
  }

  /** An id for a host block that no other block of this tree has had. */
  long nextHostId() {
    return nextHostId++;
  }

  void setHostCopy(Logged logged, long[] ids, int[] fields, long bytes) {
    logged.hostCopy(ids, fields, bytes);
    hostBytes += bytes;
    countUncopied(logged.slab(), -1);
    refresh(logged);
  }

  /** The host copy turned out to be gone: what it alone held is lost. */
  void forgetHostCopy(Logged logged) {
    if (!logged.onHost()) {
      return;
    }
    lostHostCopies++;
    dropHostCopy(logged);
    for (Segment s : List.copyOf(logged.holders)) {
      if (logged.slab() == null || !s.onDevice()) {
        detach(s, logged);
        prune(s);
      }
    }
  }

  /** Gives up device copies of activations that have a host copy, slab by slab; returns the bytes that became free. */
  long evictCopied(long wantedBytes) {
    long freed = 0;
    Slab next = firstFreeable();
    while (freed < wantedBytes && next != null) {
      freed += giveUp(next);
      next = firstFreeable();
    }
    return freed;
  }

  /** The slab, of those that the host has all of, in which what may go first is; without those that sequences still hold. */
  private @Nullable Slab firstFreeable() {
    for (Logged logged : copied) {
      Slab slab = logged.slab();
      Uses uses = slabs.get(slab);
      if (slab != null && uses != null && slab.references() == uses.all.size()) {
        return slab;
      }
    }
    return null;
  }

  /**
   * Gives up a slab that the host has all of; returns the bytes that became free. What the host has dropped meanwhile, by an order
   * of its own, is found out here, and then the slab is the only copy and stays.
   */
  private long giveUp(Slab slab) {
    Uses uses = slabs.get(slab);
    List<Logged> all = uses == null ? List.of() : List.copyOf(uses.all);
    List<Logged> gone = all.stream().filter(logged -> !hostHas(logged)).toList();
    long before = deviceBytes;
    if (gone.isEmpty()) {
      evictedActivations += all.size();
      all.forEach(this::dropSlab);
    } else {
      gone.forEach(this::forgetHostCopy); // which may leave nothing of it
    }
    return before - deviceBytes;
  }

  private boolean hostHas(Logged logged) {
    long[] ids = logged.hostIds();
    return ids != null && Arrays.stream(ids).allMatch(host::has);
  }

  private void evictUncopied(Logged logged) {
    List<Segment> holders = List.copyOf(logged.holders);
    dropSlab(logged);
    evictedActivations++;
    for (Segment s : holders) {
      detach(s, logged);
      prune(s);
    }
  }

  private void dropPiecesWithoutHostCopy(Segment s) {
    for (Piece piece : List.copyOf(s.pieces)) {
      if (!piece.logged().onHost()) {
        detach(s, piece.logged());
      }
    }
  }

  private void detach(Segment s, Logged logged) {
    s.pieces.removeIf(piece -> piece.logged() == logged);
    logged.holders.remove(s);
    refresh(logged);
    disposeIfUnheld(logged);
  }

  private void disposeIfUnheld(Logged logged) {
    if (logged.pins == 0 && logged.holders.isEmpty()) {
      dropSlab(logged);
      dropHostCopy(logged);
    }
  }

  // ---- segments

  void added(Segment s) {
    segments++;
    touch(s);
  }

  /** Cuts a whole version off. Its pages go when their pins go, the rest at once. */
  void doom(Segment root) {
    List<Segment> all = new ArrayList<>();
    all.add(root);
    for (int i = 0; i < all.size(); i++) {
      all.addAll(all.get(i).children.values());
    }
    for (Segment s : all) {
      s.doomed = true;
      s.children.clear();
      refresh(s);
      for (Piece piece : List.copyOf(s.pieces)) {
        detach(s, piece.logged());
      }
      if (s.pins == 0) {
        dispose(s);
      }
    }
  }

  private void dispose(Segment s) {
    freePages(s);
    if (s.parent != null) {
      segments--;
    }
  }

  /** Removes a segment of which nothing is left, and those above that it leaves empty. */
  void prune(Segment leaf) {
    Segment s = leaf;
    while (s.parent != null && !s.doomed && s.pins == 0 && s.isEmpty()) {
      Segment parent = s.parent;
      parent.children.remove(s.key(), s);
      segments--;
      s.doomed = true;
      s = parent;
    }
  }
}
