package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.ParameterId;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** Gradients on the host, taken from an engine and compared. */
record Gradients(GradientReport report, Map<ParameterId, float[]> values) {

  /** The gradient of examples by themselves; the engine's sum is empty before and after. */
  static Gradients of(Engine engine, List<TrainingExample> examples, Reuse reuse) {
    GradientReport report = Engine.await(engine.accumulate(examples, reuse));
    return take(engine, report);
  }

  /** What has been added up so far; the sum begins anew. */
  static Gradients take(Engine engine, GradientReport report) {
    return Engine.await(engine.inspect(e -> {
      Map<ParameterId, float[]> all = new TreeMap<>();
      Learner learner = Objects.requireNonNull(e.learner());
      learner.sum().gradient().forEach((id, tensor) -> all.put(id, e.ops().read(tensor)));
      learner.sum().clear(e.ops());
      return new Gradients(report, all);
    }));
  }

  Gradients plus(Gradients other) {
    Map<ParameterId, float[]> sum = new TreeMap<>();
    values.forEach((id, mine) -> {
      float[] theirs = other.of(id);
      float[] both = new float[mine.length];
      for (int i = 0; i < both.length; i++) {
        both[i] = mine[i] + theirs[i];
      }
      sum.put(id, both);
    });
    return new Gradients(report.plus(other.report), sum);
  }

  float[] of(ParameterId id) {
    return Objects.requireNonNull(values.get(id), id::toString);
  }

  double norm() {
    return Math.sqrt(values.values().stream().mapToDouble(Gradients::squares).sum());
  }

  /** The inner product with a direction. */
  double dot(Map<ParameterId, float[]> direction) {
    double sum = 0;
    for (Map.Entry<ParameterId, float[]> entry : direction.entrySet()) {
      float[] mine = of(entry.getKey());
      for (int i = 0; i < mine.length; i++) {
        sum += (double) mine[i] * entry.getValue()[i];
      }
    }
    return sum;
  }

  /**
   * Loss, the gradient as a whole, and that of each parameter agree to 1e-5. A parameter with less than a thousandth of the
   * norm is measured against that.
   */
  void assertEquals(Gradients expected) {
    assertThat(report.loss())
        .isCloseTo(expected.report.loss(), within(1e-5 * Math.abs(expected.report.loss()) + 1e-6));
    assertThat(report.weight()).isEqualTo(expected.report.weight());
    assertThat(report.tokens()).isEqualTo(expected.report.tokens());
    double norm = expected.norm();
    assertThat(norm).isPositive();
    double differences = 0;
    for (ParameterId id : expected.values.keySet()) {
      double difference = difference(of(id), expected.of(id));
      double scale = Math.max(Math.sqrt(squares(expected.of(id))), 1e-3 * norm);
      assertThat(difference / scale).as("relative error of %s", id).isLessThan(1e-5);
      differences += difference * difference;
    }
    assertThat(Math.sqrt(differences) / norm).as("relative error").isLessThan(1e-5);
  }

  /** Every number is the same, bit by bit. */
  void assertIdentical(Gradients expected) {
    assertThat(report.loss()).isEqualTo(expected.report.loss());
    expected.values.forEach((id, theirs) -> assertThat(of(id)).as(id.toString()).isEqualTo(theirs));
  }

  private static double squares(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return sum;
  }

  private static double difference(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }
}
