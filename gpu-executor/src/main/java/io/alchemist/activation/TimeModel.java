package io.alchemist.activation;

/**
 * Learns how long something takes from how much there is to do: nanoseconds are a sum of features, each times a coefficient
 * that is not negative. Least squares over what was observed lately, of the error relative to the prediction; solved by
 * coordinate descent, which goes on from the last solution and copes with features that have not varied yet: those named first
 * are believed. What takes much longer than predicted, e.g. because the machine was interrupted, counts for less. Engine
 * thread.
 */
public final class TimeModel {
  /** What an observation keeps of its weight when another comes: about the last thirty count. */
  private static final double KEPT = 0.97;

  /**
   * An error is taken relative to the prediction, within such shares of the time: what took much longer counts for little, but a
   * prediction that is far too high must not count for little only because it is.
   */
  private static final double LEAST_SHARE = 0.25;

  private static final double MOST_SHARE = 4;

  private static final int SWEEPS = 8;

  private final double[] coefficients;
  /** Weighted sums of products of two features, and of a feature and the time. */
  private final double[][] products;

  private final double[] sums;
  private double error = Double.NaN;
  private long observedNanos;
  private boolean taught;

  /** Over so many features. */
  public TimeModel(int features) {
    coefficients = new double[features];
    products = new double[features][features];
    sums = new double[features];
  }

  /** Nanoseconds; 0 as long as nothing was observed. */
  public double predict(double... features) {
    double nanos = 0;
    for (int i = 0; i < features.length; i++) {
      nanos += coefficients[i] * features[i];
    }
    return nanos;
  }

  /** Takes note that something with these features took so long. */
  public void observe(long nanos, double... features) {
    if (nanos <= 0) {
      return; // the clock is too coarse to learn from
    }
    double predicted = predict(features);
    if (taught) {
      double missed = Math.abs(predicted / nanos - 1);
      error = Double.isNaN(error) ? missed : KEPT * error + (1 - KEPT) * missed;
    }
    taught = true;
    observedNanos += nanos;
    double scale = Math.min(Math.max(predicted, LEAST_SHARE * nanos), MOST_SHARE * nanos);
    fade(KEPT);
    for (int i = 0; i < features.length; i++) {
      double x = features[i] / scale;
      sums[i] += x * (nanos / scale);
      for (int j = 0; j < features.length; j++) {
        products[i][j] += x * (features[j] / scale);
      }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      solveEach();
    }
  }

  /** Lets what was observed so far count for a share of its weight, e.g. because it was measured before the code was warm. */
  public void fade(double share) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] *= share;
      for (int j = 0; j < sums.length; j++) {
        products[i][j] *= share;
      }
    }
  }

  /** Nanoseconds of one unit of a feature. */
  public double coefficient(int feature) {
    return coefficients[feature];
  }

  /** Whether anything was observed. */
  public boolean isTaught() {
    return taught;
  }

  private void solveEach() {
    for (int i = 0; i < coefficients.length; i++) {
      if (products[i][i] <= 0) {
        continue; // never seen
      }
      double left = sums[i];
      for (int j = 0; j < coefficients.length; j++) {
        if (j != i) {
          left -= products[i][j] * coefficients[j];
        }
      }
      coefficients[i] = Math.max(0, left / products[i][i]);
    }
  }

  /** Running mean of the predictions' relative errors, each taken before its observation was learnt; NaN before the first. */
  public double error() {
    return error;
  }

  /** Time that all observations took. */
  public long observedNanos() {
    return observedNanos;
  }
}
