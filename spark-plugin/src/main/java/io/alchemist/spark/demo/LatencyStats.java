package io.alchemist.spark.demo;

import java.util.Arrays;

/** Percentiles of the last {@value #KEPT} latencies, in milliseconds. Thread-safe. */
public final class LatencyStats {
  static final int KEPT = 1 << 16;

  private final double[] millis = new double[KEPT];
  private long count;

  /** Adds one. */
  public synchronized void add(double latencyMillis) {
    millis[(int) (count++ % KEPT)] = latencyMillis;
  }

  /** How many were added. */
  public synchronized long count() {
    return count;
  }

  /**
   * The smallest latency that at least this share of all does not exceed (nearest rank); not a number where there is none.
   *
   * @param share in (0, 1], e.g. 0.99
   */
  public double percentile(double share) {
    if (!(share > 0 && share <= 1)) {
      throw new IllegalArgumentException("A percentile's share of " + share + " is not in (0, 1].");
    }
    double[] sorted;
    synchronized (this) {
      sorted = Arrays.copyOf(millis, (int) Math.min(count, KEPT));
    }
    if (sorted.length == 0) {
      return Double.NaN;
    }
    Arrays.sort(sorted);
    return sorted[(int) Math.ceil(share * sorted.length) - 1];
  }

  /** Half of all are at most this. */
  public double p50() {
    return percentile(0.5);
  }

  /** All but one in a hundred are at most this. */
  public double p99() {
    return percentile(0.99);
  }
}
