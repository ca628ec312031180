package io.alchemist.activation;

/**
 * Learns how long something takes from how much there is to do: nanoseconds are a sum of features, each times a coefficient
 * that is not negative. Least squares of the relative error over what was observed lately, solved by coordinate descent, which
 * goes on from the last solution and copes with features that have not varied yet: those named first are believed. An
 * interruption of the machine counts for little, since its relative error is under 1. Engine thread.
 */
public final class TimeModel {
  /** What an observation keeps of its weight when another comes: about the last thirty count. */
  private static final double KEPT = 0.97;

  private static final int SWEEPS = 8;

  private final double[] coefficients;
  /** Weighted sums of products of features, and of features; each divided by the time observed. */
  private final double[][] products;

  private final double[] sums;
  private double error = Double.NaN;
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
    if (taught) {
      double missed = Math.abs(predict(features) / nanos - 1);
      error = Double.isNaN(error) ? missed : KEPT * error + (1 - KEPT) * missed;
    }
    taught = true;
    for (int i = 0; i < features.length; i++) {
      double x = features[i] / nanos;
      sums[i] = KEPT * sums[i] + x;
      for (int j = 0; j < features.length; j++) {
        products[i][j] = KEPT * products[i][j] + x * features[j] / nanos;
      }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      solveEach();
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
}
