package io.alchemist.spark.rounds;

import io.alchemist.engine.HostGradient;
import io.alchemist.train.GradientReport;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What one or more executors contribute to a gradient: the sum over their examples, and the examples they refused. Plain arrays
 * and numbers, which any of Spark's serializers can write. Sums are made in place, as Spark's aggregation allows.
 */
@SuppressWarnings("UnusedVariable") // fields are read by serializers
final class GradientPart implements Serializable {
  private static final long serialVersionUID = 1L;

  private float[] values = new float[0];
  private int examples;
  private double loss;
  private double weight;
  private long predictingTokens;
  private long reusedTokens;
  private long recomputedTokens;
  private long rows;
  private int microBatches;
  private long forwardNanos;
  private long backwardNanos;
  private long predictedNanos;
  private final ArrayList<String[]> refused = new ArrayList<>();
  private final String executorId;
  /** Those that had something to do. */
  private final ArrayList<String> executors = new ArrayList<>();

  /** Nothing of an executor yet. */
  GradientPart(String executorId) {
    this.executorId = executorId;
  }

  /** Adds the gradient of some examples. */
  void add(HostGradient gradient) {
    takesPart();
    int at = 0;
    int size = gradient.values().values().stream().mapToInt(v -> v.length).sum();
    values = values.length == 0 ? new float[size] : values;
    for (float[] matrix : gradient.values().values()) { // sorted by parameter
      for (float value : matrix) {
        values[at++] += value;
      }
    }
    GradientReport report = gradient.report();
    examples += report.examples();
    loss += report.loss();
    weight += report.weight();
    predictingTokens += report.predictingTokens();
    reusedTokens += report.reusedTokens();
    recomputedTokens += report.recomputedTokens();
    rows += report.rows();
    microBatches += report.microBatches();
    forwardNanos += report.forwardNanos();
    backwardNanos += report.backwardNanos();
    predictedNanos += report.predictedNanos();
  }

  private void takesPart() {
    if (!executors.contains(executorId)) {
      executors.add(executorId);
    }
  }

  /** Notes a feedback that can't be trained on. */
  void refuse(String feedbackId, String why) {
    takesPart();
    refused.add(new String[] {feedbackId, why});
  }

  /** Both together; this one is changed. */
  GradientPart plus(GradientPart other) {
    if (values.length == 0) {
      values = other.values;
    } else if (other.values.length != 0) {
      if (values.length != other.values.length) {
        throw new IllegalStateException("Executors sent gradients of " + values.length + " and "
            + other.values.length + " numbers: they run with different settings.");
      }
      for (int i = 0; i < values.length; i++) {
        values[i] += other.values[i];
      }
    }
    examples += other.examples;
    loss += other.loss;
    weight += other.weight;
    predictingTokens += other.predictingTokens;
    reusedTokens += other.reusedTokens;
    recomputedTokens += other.recomputedTokens;
    rows += other.rows;
    microBatches += other.microBatches;
    forwardNanos += other.forwardNanos;
    backwardNanos += other.backwardNanos;
    predictedNanos += other.predictedNanos;
    refused.addAll(other.refused);
    executors.addAll(other.executors);
    return this;
  }

  /** What went in. */
  GradientReport report() {
    return new GradientReport(
        examples,
        loss,
        weight,
        predictingTokens,
        reusedTokens,
        recomputedTokens,
        rows,
        microBatches,
        forwardNanos,
        backwardNanos,
        predictedNanos);
  }

  /** Feedback that can't be trained on, and why: pairs of id and sentence. */
  List<String[]> refused() {
    return List.copyOf(refused);
  }

  /** Executors that took part. */
  int executorCount() {
    return (int) executors.stream().distinct().count();
  }

  /** The gradient by parameter, for an adapter of that shape. */
  HostGradient gradient(ModelConfig model, LoraSpec spec) {
    Map<ParameterId, float[]> matrices = new TreeMap<>();
    int at = 0;
    // In the order in which add() read them.
    for (ParameterId id : new TreeSet<>(ParameterId.ofAdapter(model, spec))) {
      float[] matrix = new float[id.rows(model, spec.rank()) * id.cols(model, spec.rank())];
      if (at + matrix.length <= values.length) {
        System.arraycopy(values, at, matrix, 0, matrix.length);
      }
      matrices.put(id, matrix);
      at += matrix.length;
    }
    if (at != values.length) {
      throw new IllegalStateException("The executors sent a gradient of " + values.length
          + " numbers, the driver's adapter has " + at + ": they run with different settings.");
    }
    return new HostGradient(matrices, report());
  }
}
