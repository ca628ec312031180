package io.alchemist.engine;

import io.alchemist.train.GradientReport;
import io.alchemist.weights.ParameterId;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * A gradient on the host: a sum over weighted tokens, divided by nothing, so that sums of several engines add up.
 *
 * @param values row-major matrices by parameter
 * @param report what went in
 */
public record HostGradient(Map<ParameterId, float[]> values, GradientReport report) {
  public HostGradient {
    values = Collections.unmodifiableMap(new TreeMap<>(values));
  }

  /**
   * The sum of both.
   *
   * @throws IllegalArgumentException if they are of different parameters
   */
  public HostGradient plus(HostGradient other) {
    Map<ParameterId, float[]> sum = new TreeMap<>();
    for (Map.Entry<ParameterId, float[]> entry : values.entrySet()) {
      float[] mine = entry.getValue();
      float[] theirs = other.values.get(entry.getKey());
      if (theirs == null || theirs.length != mine.length || other.values.size() != values.size()) {
        throw new IllegalArgumentException("The gradients to be added differ at " + entry.getKey()
            + ": they are of different adapters.");
      }
      float[] both = mine.clone();
      for (int i = 0; i < both.length; i++) {
        both[i] += theirs[i];
      }
      sum.put(entry.getKey(), both);
    }
    return new HostGradient(sum, report.plus(other.report));
  }

  /** Whether every element is a finite number. */
  public boolean isFinite() {
    for (float[] matrix : values.values()) {
      for (float value : matrix) {
        if (!Float.isFinite(value)) {
          return false;
        }
      }
    }
    return true;
  }

  /** The norm of the difference to another gradient over the norm of that one: 0 where both are equal. */
  public double relativeError(HostGradient reference) {
    double difference = 0;
    double norm = 0;
    for (Map.Entry<ParameterId, float[]> entry : reference.values.entrySet()) {
      float[] right = entry.getValue();
      float[] mine = values.getOrDefault(entry.getKey(), new float[0]);
      for (int i = 0; i < right.length; i++) {
        double d = (i < mine.length ? mine[i] : 0) - (double) right[i];
        difference += d * d;
        norm += (double) right[i] * right[i];
      }
    }
    return norm == 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
  }

  /** The cosine of the angle to another gradient: 1 where both point the same way; not a number where one is 0. */
  public double cosine(HostGradient other) {
    double product = 0;
    double mine = 0;
    double theirs = 0;
    for (Map.Entry<ParameterId, float[]> entry : other.values.entrySet()) {
      float[] right = entry.getValue();
      float[] left = values.getOrDefault(entry.getKey(), new float[right.length]);
      for (int i = 0; i < right.length; i++) {
        product += (double) left[i] * right[i];
        mine += (double) left[i] * left[i];
        theirs += (double) right[i] * right[i];
      }
    }
    return product / Math.sqrt(mine * theirs);
  }
}
