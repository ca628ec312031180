package io.alchemist.train;

import io.alchemist.tensor.Ops;
import io.alchemist.weights.ParameterSet;

/**
 * A gradient that is being added up over examples, and what it is the sum of. Sums over executors add up likewise. Engine
 * thread.
 */
public final class GradientSum implements AutoCloseable {
  private final ParameterSet gradient;
  private GradientReport report = GradientReport.NOTHING;

  /** Starts with zeros, which it owns. */
  public GradientSum(ParameterSet zeros) {
    this.gradient = zeros;
  }

  /** The sum over all weighted tokens of the gradient of their loss; not divided by anything. */
  public ParameterSet gradient() {
    return gradient;
  }

  /** What went in so far. */
  public GradientReport report() {
    return report;
  }

  void add(GradientReport more) {
    report = report.plus(more);
  }

  /** Back to zero, for the next batch. */
  public void clear(Ops ops) {
    gradient.clear(ops);
    restart();
  }

  /** For the next batch, when the gradient has been set to zero in parts. */
  public void restart() {
    report = GradientReport.NOTHING;
  }

  @Override
  public void close() {
    gradient.close();
  }
}
