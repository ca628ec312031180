package io.alchemist.metrics;

import java.util.concurrent.atomic.LongAdder;

/** A number that only grows. Thread-safe; adding allocates nothing and never waits. */
public final class Counter {
  private final LongAdder count = new LongAdder();

  Counter() {}

  /** Adds one. */
  public void increment() {
    count.increment();
  }

  /**
   * Adds {@code amount}.
   *
   * @throws IllegalArgumentException if it is negative
   */
  public void add(long amount) {
    if (amount < 0) {
      throw new IllegalArgumentException(
          "A counter only grows, but was to grow by " + amount + "; a gauge can fall.");
    }
    count.add(amount);
  }

  /** Raises the value to a total that is kept elsewhere, by one thread; a lower one changes nothing. */
  public void advanceTo(long total) {
    add(Math.max(0, total - value()));
  }

  /** The count; additions made at the same time may be missing. */
  public long value() {
    return count.sum();
  }
}
