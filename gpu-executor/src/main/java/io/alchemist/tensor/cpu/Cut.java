package io.alchemist.tensor.cpu;

/**
 * Cuts a number of things into pieces as alike as can be, the larger ones first: whoever takes the last piece of an operation
 * then keeps the others waiting for a small one.
 */
final class Cut {
  private Cut() {}

  /** The first thing of piece {@code piece}; {@code all} for the piece behind the last. */
  static int start(int all, int pieces, int piece) {
    return all / pieces * piece + Math.min(piece, all % pieces);
  }
}
