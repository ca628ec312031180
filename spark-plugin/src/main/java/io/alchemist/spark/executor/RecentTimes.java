package io.alchemist.spark.executor;

import java.util.Arrays;

/** The last few hundred times of a kind, and their quantiles. Thread-safe. */
final class RecentTimes {
  private static final int KEPT = 512;

  private final long[] nanos = new long[KEPT];
  private long count;

  synchronized void add(long time) {
    nanos[(int) (count++ % KEPT)] = time;
  }

  /** The {@code q}-quantile in milliseconds; 0 before the first time. */
  double millis(double q) {
    long[] sorted;
    synchronized (this) {
      sorted = Arrays.copyOf(nanos, (int) Math.min(count, KEPT));
    }
    if (sorted.length == 0) {
      return 0;
    }
    Arrays.sort(sorted);
    return sorted[(int) Math.min(sorted.length - 1, Math.round(q * (sorted.length - 1)))] / 1e6;
  }
}
