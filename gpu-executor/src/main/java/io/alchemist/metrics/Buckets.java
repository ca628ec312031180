package io.alchemist.metrics;

import java.util.Arrays;

/** The upper bounds of a histogram's buckets; above the last there is one more, without a bound. Immutable. */
public final class Buckets {
  /** For times from a quarter of a millisecond to two minutes, in seconds: factors of two. */
  public static final Buckets SECONDS = exponential(0.00025, 2, 20);

  private final double[] bounds;

  private Buckets(double[] bounds) {
    this.bounds = bounds;
  }

  /**
   * Buckets up to and including each bound.
   *
   * @throws IllegalArgumentException if there is none, or they do not rise, or one is not finite
   */
  public static Buckets of(double... bounds) {
    double[] copy = bounds.clone();
    if (copy.length == 0) {
      throw new IllegalArgumentException("A histogram needs at least one bucket bound.");
    }
    for (int i = 0; i < copy.length; i++) {
      if (!Double.isFinite(copy[i]) || (i > 0 && copy[i] <= copy[i - 1])) {
        throw new IllegalArgumentException(
            "Bucket bounds must be finite and rise, but are " + Arrays.toString(copy) + ".");
      }
    }
    return new Buckets(copy);
  }

  /** {@code count} bounds: first, first * factor, first * factor^2, and so on. */
  public static Buckets exponential(double first, double factor, int count) {
    double[] bounds = new double[count];
    double bound = first;
    for (int i = 0; i < count; i++) {
      bounds[i] = bound;
      bound *= factor;
    }
    return of(bounds);
  }

  /** How many bounds there are. */
  int count() {
    return bounds.length;
  }

  /** The upper bound of bucket {@code index}, itself inside the bucket. */
  double bound(int index) {
    return bounds[index];
  }

  /** The bucket of a value: that of the first bound not below it, {@link #count()} where all are. */
  int indexOf(double value) {
    int low = 0;
    int high = bounds.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (bounds[middle] < value) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Buckets that && Arrays.equals(bounds, that.bounds);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bounds);
  }

  @Override
  public String toString() {
    return "Buckets" + Arrays.toString(bounds);
  }
}
