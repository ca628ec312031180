package io.alchemist.cache;

import io.alchemist.cache.Segment.Piece;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One {@link PrefixTree#insert}: walks down, splits, extends and adds segments, then attaches the activations. */
final class Insertion {
  /** Positions [from, to) of the sequence lie in this segment. */
  private record Stretch(Segment segment, int from, int to) {}

  private final Holdings holdings;
  private final Segment root;
  private final int[] tokens;
  private final int count;
  private final int[] pages;
  private final int firstOwnedPage;
  private final int pageSize;
  private final @Nullable Prospect prospect;
  private final List<Stretch> stretches = new ArrayList<>();

  Insertion(
      Holdings holdings,
      Segment root,
      int[] tokens,
      int count,
      int[] pages,
      int firstOwnedPage,
      @Nullable Prospect prospect) {
    this.prospect = prospect;
    this.holdings = holdings;
    this.root = root;
    this.tokens = tokens;
    this.count = count;
    this.pages = pages;
    this.firstOwnedPage = firstOwnedPage;
    this.pageSize = holdings.kv().pageSize();
  }

  void run(List<Recorded> recorded) {
    Segment node = root;
    while (node != null && node.end() < count) {
      node = step(node);
    }
    for (Stretch s : stretches) {
      holdings.touch(s.segment);
    }
    recorded.forEach(this::attach);
    if (prospect != null) {
      stretches.forEach(s -> expect(s, prospect));
    }
  }

  /** Deals with the tokens after {@code node}; returns the segment to go on from, or null at the end. */
  private @Nullable Segment step(Segment node) {
    int at = node.end();
    Segment child = node.childWithPage(tokens, count);
    if (child == null) {
      leaf(node, at);
      return null;
    }
    int common = child.common(tokens, count);
    if (at + common == count && child.onDevice()) {
      surplus(child, count);
      return null;
    }
    int whole = common / pageSize * pageSize;
    Segment part = whole < child.length() ? split(child, whole) : child;
    if (part.onDevice()) {
      surplus(part, part.end());
    } else if (!adopt(part)) {
      return null;
    }
    return part;
  }

  /** The rest of the sequence, no page of which is in a segment as a whole. */
  private void leaf(Segment node, int at) {
    Segment known = null;
    Segment shorter = null;
    for (Segment child : node.children.values()) {
      int common = child.common(tokens, count);
      if (common == count - at && (child.onDevice() || child.length() == common)) {
        known = child;
      } else if (common == child.length() && child.pins == 0) {
        shorter = child;
      }
    }
    if (known != null && known.onDevice()) {
      surplus(known, count);
    } else if (at / pageSize < firstOwnedPage) {
      freeFrom(at);
    } else if (known != null) {
      adopt(known);
    } else if (shorter != null) {
      extend(node, shorter);
    } else {
      Segment fresh = new Segment(pageSize, node, at, Arrays.copyOfRange(tokens, at, count));
      node.addChild(fresh);
      holdings.added(fresh);
      adopt(fresh);
    }
  }

  /** The tree has K/V for this stretch: ours is not needed. */
  private void surplus(Segment segment, int to) {
    stretches.add(new Stretch(segment, segment.from, to));
    for (int page = segment.from / pageSize; page < holdings.kv().pagesFor(to); page++) {
      if (page >= firstOwnedPage) {
        holdings.kv().free(pages[page]);
      }
    }
  }

  /** The segment takes our pages; false, and all the rest is freed, when they aren't ours to give. */
  private boolean adopt(Segment segment) {
    if (segment.from / pageSize < firstOwnedPage) {
      freeFrom(segment.from);
      return false;
    }
    holdings.setPages(
        segment,
        Arrays.copyOfRange(pages, segment.from / pageSize, holdings.kv().pagesFor(segment.end())));
    stretches.add(new Stretch(segment, segment.from, segment.end()));
    return true;
  }

  /** A leaf that ended within a page goes on: our page holds its positions too, with the same contents bit by bit. */
  private void extend(Segment node, Segment leaf) {
    holdings.freePages(leaf);
    node.children.remove(leaf.key(), leaf);
    leaf.tokens = Arrays.copyOfRange(tokens, leaf.from, count);
    node.addChild(leaf);
    adopt(leaf);
  }

  /** Without the tree's K/V before it, what comes after can't be found: the rest is given up. */
  private void freeFrom(int at) {
    int first = Math.max(at / pageSize, firstOwnedPage);
    for (int page = first; page < holdings.kv().pagesFor(count); page++) {
      holdings.kv().free(pages[page]);
    }
  }

  /** Cuts a segment after {@code length} tokens; the front is a new segment above it, and is returned. */
  private Segment split(Segment s, int length) {
    Segment parent = s.parent;
    if (parent == null) {
      throw new IllegalStateException("A root can't be split");
    }
    Segment front = new Segment(pageSize, parent, s.from, Arrays.copyOf(s.tokens, length));
    front.pins = s.pins;
    parent.children.put(front.key(), front);
    int[] old = s.pages;
    s.tokens = Arrays.copyOfRange(s.tokens, length, s.tokens.length);
    s.from += length;
    s.parent = front;
    if (old != null) {
      front.pages = Arrays.copyOf(old, length / pageSize);
      s.pages = Arrays.copyOfRange(old, length / pageSize, old.length);
    }
    front.addChild(s);
    splitPieces(s, front);
    holdings.added(front);
    holdings.prune(s); // what is left of it, on the host, may all be in the front
    return front;
  }

  private static void splitPieces(Segment s, Segment front) {
    List<Piece> all = List.copyOf(s.pieces);
    s.pieces.clear();
    for (Piece piece : all) {
      piece.logged().holders.remove(s);
    }
    for (Piece piece : all) {
      int cut = Math.max(piece.from(), Math.min(piece.end(), s.from));
      if (cut > piece.from()) {
        front.addPiece(new Piece(piece.from(), cut - piece.from(), piece.logged()));
      }
      if (cut < piece.end()) {
        s.addPiece(new Piece(cut, piece.end() - cut, piece.logged()));
      }
    }
  }

  /** All activations of the prompt, whoever computed them, will be good for it. */
  private void expect(Stretch s, Prospect of) {
    for (Piece piece : s.segment.pieces) {
      if (piece.from() < s.to) {
        holdings.expect(piece.logged(), of);
      }
    }
  }

  /** Attaches activations where there are none yet, cut at the borders of segments. */
  private void attach(Recorded r) {
    for (Stretch s : stretches) {
      int from = Math.max(r.from(), s.from);
      int to = Math.min(r.from() + r.count(), s.to);
      if (from < to) {
        for (int[] hole : s.segment.holes(from, to)) {
          holdings.attach(
              s.segment, hole[0], hole[1] - hole[0], r.slab(), r.firstRow() + hole[0] - r.from());
        }
      }
    }
    r.slab().release();
  }
}
