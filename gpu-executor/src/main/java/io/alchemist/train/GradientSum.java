package io.alchemist.train;

import io.alchemist.tensor.Ops;
import io.alchemist.weights.ParameterSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A gradient that is being added up over examples, and what it is the sum of. Sums over executors add up likewise. Engine
 * thread.
 */
public final class GradientSum implements AutoCloseable {
  private final Supplier<ParameterSet> zeros;
  private @Nullable ParameterSet gradient;
  private GradientReport report = GradientReport.NOTHING;

  private GradientSum(Supplier<ParameterSet> zeros, @Nullable ParameterSet gradient) {
    this.zeros = zeros;
    this.gradient = gradient;
  }

  /** Starts with zeros, which it owns. */
  public GradientSum(ParameterSet zeros) {
    this(() -> zeros, zeros);
  }

  /** Starts with zeros that are made when they are first wanted: as long as its job waits, it takes no memory. */
  public static GradientSum whenWanted(Supplier<ParameterSet> zeros) {
    return new GradientSum(zeros, null);
  }

  /** The sum over all weighted tokens of the gradient of their loss; not divided by anything. */
  public ParameterSet gradient() {
    if (gradient == null) {
      gradient = zeros.get();
    }
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
    if (gradient != null) {
      gradient.clear(ops);
    }
    restart();
  }

  /** For the next batch, when the gradient has been set to zero in parts. */
  public void restart() {
    report = GradientReport.NOTHING;
  }

  @Override
  public void close() {
    if (gradient != null) {
      gradient.close();
    }
  }
}
