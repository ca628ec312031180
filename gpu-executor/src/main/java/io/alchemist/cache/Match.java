package io.alchemist.cache;

/**
 * The part of a prompt whose keys and values are on the device already: whole pages, pinned until this is closed. Keep it
 * open as long as the sequence uses the pages, and until {@link PrefixTree#insert} has taken over what the sequence added.
 *
 * <p>Engine thread only.
 */
public final class Match implements AutoCloseable {
  private final Pin pin;
  private final int tokens;
  private final int[] pages;

  Match(Pin pin, int tokens, int[] pages) {
    this.pin = pin;
    this.tokens = tokens;
    this.pages = pages;
  }

  /** Tokens matched, a multiple of the page size. */
  public int tokens() {
    return tokens;
  }

  /** The pages of those tokens, in order; a copy. */
  public int[] pages() {
    return pages.clone();
  }

  Pin pin() {
    return pin;
  }

  /** Unpins the pages. Closing twice does nothing. */
  @Override
  public void close() {
    pin.close();
  }
}
