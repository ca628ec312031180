package io.alchemist.cache;

import java.util.List;

/**
 * What the tree knows of a token sequence, for training: pinned, keys and values as well as activations, until closed.
 *
 * <p>Engine thread only.
 */
public final class Coverage implements AutoCloseable {
  private final Pin pin;
  private final List<Covered> runs;

  Coverage(Pin pin, List<Covered> runs) {
    this.pin = pin;
    this.runs = List.copyOf(runs);
  }

  /** The known runs in the order of positions, disjoint; there may be gaps between them, of which nothing is left. */
  public List<Covered> runs() {
    return runs;
  }

  /** Positions in runs with activations. */
  public int loggedTokens() {
    return runs.stream()
        .filter(r -> r.logged() != null)
        .mapToInt(Covered::count)
        .sum();
  }

  Pin pin() {
    return pin;
  }

  /** Unpins. Closing twice does nothing. */
  @Override
  public void close() {
    pin.close();
  }
}
