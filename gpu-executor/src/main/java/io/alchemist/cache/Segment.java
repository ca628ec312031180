package io.alchemist.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An edge of the tree: a stretch of tokens that begins at a page border, and what is left of it. Only a leaf may end within
 * a page. Plain data; {@link Holdings} keeps the counts and orders in step with it.
 */
final class Segment {
  /** The part of a {@link Logged} that lies in this segment; positions are absolute. */
  record Piece(int from, int count, Logged logged) {
    int end() {
      return from + count;
    }
  }

  private final int pageSize;
  final Map<PageKey, Segment> children = new LinkedHashMap<>();
  /** In the order of positions, disjoint. */
  final List<Piece> pieces = new ArrayList<>();

  /** Null for the root of a version. */
  @Nullable
  Segment parent;

  int[] tokens;
  /** Absolute position of the first token. */
  int from;
  /** K/V pages; null when they are no longer on the device. */
  int @Nullable [] pages;
  /** Children that have K/V on the device. */
  int deviceChildren;
  /** Pins of this segment and of those below it. */
  int pins;
  /** Cut off from the tree, and kept until the last pin goes. */
  boolean doomed;
  /** Logical time of the last use; unique, and the key in the order of eviction. */
  long lastUse;

  Segment(int pageSize, @Nullable Segment parent, int from, int[] tokens) {
    this.pageSize = pageSize;
    this.parent = parent;
    this.from = from;
    this.tokens = tokens;
  }

  int length() {
    return tokens.length;
  }

  int end() {
    return from + tokens.length;
  }

  boolean onDevice() {
    return pages != null;
  }

  PageKey key() {
    return new PageKey(tokens, 0, Math.min(tokens.length, pageSize));
  }

  /** Nothing is left that would be worth keeping. */
  boolean isEmpty() {
    return pages == null && pieces.isEmpty() && children.isEmpty();
  }

  /** How many of this segment's first tokens are those of {@code sequence} from its own position, up to {@code end}. */
  int common(int[] sequence, int end) {
    int most = Math.min(length(), end - from);
    int differs = Arrays.mismatch(tokens, 0, most, sequence, from, from + most);
    return differs < 0 ? most : differs;
  }

  /** The child that begins with the whole page of {@code sequence} at this segment's end, or null. */
  @Nullable
  Segment childWithPage(int[] sequence, int end) {
    int at = end();
    return end - at < pageSize ? null : children.get(new PageKey(sequence, at, at + pageSize));
  }

  void addChild(Segment child) {
    if (children.put(child.key(), child) != null) {
      throw new IllegalStateException("Two segments begin with the same page at " + child.from);
    }
    if (child.onDevice()) {
      deviceChildren++;
    }
  }

  /** Puts a piece in its place. */
  void addPiece(Piece piece) {
    int at = 0;
    while (at < pieces.size() && pieces.get(at).from < piece.from) {
      at++;
    }
    pieces.add(at, piece);
    piece.logged.holders.add(this);
  }

  /** The last activations of this segment, which may end before it; null where it has none. */
  @Nullable
  Logged lastLogged() {
    return pieces.isEmpty() ? null : pieces.get(pieces.size() - 1).logged();
  }

  /** The stretches of [begin, end) without activations, as (from, to) pairs. */
  List<int[]> holes(int begin, int end) {
    List<int[]> holes = new ArrayList<>();
    int at = begin;
    for (Piece piece : pieces) {
      if (piece.end() <= at) {
        continue;
      }
      if (piece.from >= end) {
        break;
      }
      if (piece.from > at) {
        holes.add(new int[] {at, piece.from});
      }
      at = piece.end();
    }
    if (at < end) {
      holes.add(new int[] {at, end});
    }
    return holes;
  }

  /** Positions of [begin, end) with activations. */
  int loggedTokens(int begin, int end) {
    int sum = 0;
    for (Piece piece : pieces) {
      sum += Math.max(0, Math.min(end, piece.end()) - Math.max(begin, piece.from));
    }
    return sum;
  }
}
