package io.alchemist.metrics;

import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/**
 * How often values fell into fixed buckets. Thread-safe; observing allocates nothing and never waits. A reading taken
 * while others observe may miss the newest of them.
 */
public final class Histogram {
  private final Buckets buckets;
  private final LongAdder[] counts;
  private final DoubleAdder sum = new DoubleAdder();

  Histogram(Buckets buckets) {
    this.buckets = buckets;
    counts = new LongAdder[buckets.count() + 1];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = new LongAdder();
    }
  }

  /** Counts a value, in the unit of the metric's name; NaN is not counted. */
  public void observe(double value) {
    if (Double.isNaN(value)) {
      return;
    }
    counts[buckets.indexOf(value)].increment();
    sum.add(value);
  }

  /** Counts a time in nanoseconds as seconds. */
  public void observeNanos(long nanos) {
    observe(nanos * 1e-9);
  }

  /** How many values were counted. */
  public long count() {
    long total = 0;
    for (LongAdder count : counts) {
      total += count.sum();
    }
    return total;
  }

  /** The sum of the values counted. */
  public double sum() {
    return sum.sum();
  }

  /**
   * About the value below which a share {@code q} of the values lies: linear within its bucket, whose lower end is 0 for
   * the first bucket of a positive bound. Never above the last bound. NaN where nothing was counted.
   *
   * @param q in [0, 1]; 0.5 is the median
   */
  public double quantile(double q) {
    if (!(q >= 0 && q <= 1)) {
      throw new IllegalArgumentException("A quantile is in [0, 1], but " + q + " was asked for.");
    }
    long[] snapshot = snapshot();
    long total = 0;
    for (long count : snapshot) {
      total += count;
    }
    if (total == 0) {
      return Double.NaN;
    }
    double rank = q * total;
    long below = 0;
    for (int i = 0; i < buckets.count(); i++) {
      if (snapshot[i] > 0 && below + snapshot[i] >= rank) {
        double upper = buckets.bound(i);
        double lower = i > 0 ? buckets.bound(i - 1) : Math.min(0, upper);
        return lower + (upper - lower) * Math.max(0, rank - below) / snapshot[i];
      }
      below += snapshot[i];
    }
    return buckets.bound(buckets.count() - 1);
  }

  Buckets buckets() {
    return buckets;
  }

  /** The counts of each bucket, the one without a bound last; not cumulative. */
  long[] snapshot() {
    long[] snapshot = new long[counts.length];
    for (int i = 0; i < counts.length; i++) {
      snapshot[i] = counts[i].sum();
    }
    return snapshot;
  }
}
