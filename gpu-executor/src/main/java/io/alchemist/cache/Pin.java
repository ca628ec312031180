package io.alchemist.cache;

import java.util.List;

/** Keeps paths of segments, and activations, where they are until it is closed. */
final class Pin implements AutoCloseable {
  private final Holdings holdings;
  private final List<Segment> tips;
  private final List<Logged> logged;
  private boolean closed;

  /**
   * @param tips the ends of the paths; each path is pinned up to its root
   * @param logged without repeats
   */
  Pin(Holdings holdings, List<Segment> tips, List<Logged> logged) {
    this.holdings = holdings;
    this.tips = List.copyOf(tips);
    this.logged = List.copyOf(logged);
    this.tips.forEach(holdings::pinPath);
    this.logged.forEach(holdings::pin);
  }

  boolean isOpen() {
    return !closed;
  }

  List<Segment> tips() {
    return tips;
  }

  List<Logged> logged() {
    return logged;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    logged.forEach(holdings::unpin);
    tips.forEach(holdings::unpinPath);
  }
}
