package io.alchemist.cache;

import java.util.Arrays;

/** The tokens of a child's first page, by which its parent finds it; fewer than a page for a leaf that ends there. */
final class PageKey {
  private final int[] tokens;
  private final int hash;

  PageKey(int[] from, int at, int end) {
    tokens = Arrays.copyOfRange(from, at, end);
    hash = Arrays.hashCode(tokens);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PageKey that && Arrays.equals(tokens, that.tokens);
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
