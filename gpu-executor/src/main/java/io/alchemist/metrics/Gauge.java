package io.alchemist.metrics;

import java.util.function.DoubleSupplier;

/** A number that goes up and down: set from time to time, or read when somebody asks. Thread-safe. */
public final class Gauge {
  private volatile DoubleSupplier source = () -> Double.NaN;

  Gauge() {}

  /** From now on the value is what {@code source} says; it is called on any thread and must not block. */
  public void follow(DoubleSupplier source) {
    this.source = source;
  }

  /** The value from now on. */
  public void set(double value) {
    source = () -> value;
  }

  /** The value now; NaN before the first, and where the source throws. */
  public double value() {
    try {
      return source.getAsDouble();
    } catch (RuntimeException e) {
      // One broken source must not hide every other metric of the page.
      return Double.NaN;
    }
  }
}
