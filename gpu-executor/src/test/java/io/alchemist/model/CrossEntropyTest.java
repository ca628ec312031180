package io.alchemist.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.RopeConfig;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** The loss of a head over several chunks of the vocabulary and blocks of rows is that of float64 in one piece. */
class CrossEntropyTest {
  private static final int HIDDEN = 8;

  /** Loss of each row, gradient for h, gradient for the head. */
  @SuppressWarnings("ArrayRecordComponent") // compared array by array
  private record Result(float[] nll, float[] dH, float[] dHead) {}

  private static Result compute(
      int rows, int vocabulary, int maxLogits, float[] h, float[] head, int[] targets, float[] w) {
    ModelConfig model = new ModelConfig(
        "llama", vocabulary, HIDDEN, 1, 1, 1, 4, 4, 0, RopeConfig.plain(10), 16, false);
    try (Ops ops = CpuOps.create(1, 16 << 20);
        Tensor hidden = ops.memory().allocate("h", DType.F32, rows, HIDDEN);
        Tensor matrix = ops.memory().allocate("w", DType.F32, vocabulary, HIDDEN);
        Tensor targetIds = ops.memory().allocate("targets", DType.I32, 1, rows);
        Tensor weights = ops.memory().allocate("weights", DType.F32, 1, rows);
        Tensor nll = ops.memory().allocate("nll", DType.F32, 1, rows);
        Tensor dH = ops.memory().allocate("dh", DType.F32, rows, HIDDEN);
        ParameterSet gradient =
            ParameterSet.zeros(ops, ops.memory(), "gradient", List.of(ParameterId.HEAD), model, 0);
        CrossEntropy loss = new CrossEntropy(ops, ops.memory(), maxLogits)) {
      ops.upload(h, hidden);
      ops.upload(head, matrix);
      ops.upload(targets, targetIds);
      ops.upload(w, weights);
      ops.fill(dH, Float.NaN); // written, not added to
      try (Weight packed = ops.pack(matrix, ops.memory(), "head")) {
        loss.lossAndGradient(
            hidden, packed, targetIds, weights, nll, dH, gradient, ParameterId.HEAD);
      }
      return new Result(ops.read(nll), ops.read(dH), ops.read(gradient.tensor(ParameterId.HEAD)));
    }
  }

  private static Result reference(
      int rows, int vocabulary, float[] h, float[] head, int[] targets, float[] w) {
    float[] nll = new float[rows];
    float[] dH = new float[rows * HIDDEN];
    double[] dHead = new double[vocabulary * HIDDEN];
    for (int r = 0; r < rows; r++) {
      double[] p = new double[vocabulary];
      double sum = 0;
      for (int v = 0; v < vocabulary; v++) {
        for (int c = 0; c < HIDDEN; c++) {
          p[v] += (double) h[r * HIDDEN + c] * head[v * HIDDEN + c];
        }
        p[v] = Math.exp(p[v]);
        sum += p[v];
      }
      nll[r] = (float) -Math.log(p[targets[r]] / sum);
      for (int c = 0; c < HIDDEN; c++) {
        double d = 0;
        for (int v = 0; v < vocabulary; v++) {
          double dz = w[r] * (p[v] / sum - (v == targets[r] ? 1 : 0));
          d += dz * head[v * HIDDEN + c];
          dHead[v * HIDDEN + c] += dz * h[r * HIDDEN + c];
        }
        dH[r * HIDDEN + c] = (float) d;
      }
    }
    float[] rounded = new float[dHead.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) dHead[i];
    }
    return new Result(nll, dH, rounded);
  }

  @Property(tries = 20)
  void chunksAndBlocksGiveTheLossInOnePiece(
      @ForAll @IntRange(min = 1, max = 150) int rows,
      @ForAll @IntRange(min = 1, max = 400) int vocabulary,
      @ForAll @IntRange(min = 64, max = 20_000) int maxLogits,
      @ForAll long seed) {
    Random random = new Random(seed);
    float[] h = normal(random, rows * HIDDEN);
    float[] head = normal(random, vocabulary * HIDDEN);
    int[] targets = random.ints(rows, 0, vocabulary).toArray();
    float[] weights = normal(random, rows);
    Result got = compute(rows, vocabulary, maxLogits, h, head, targets, weights);
    Result expected = reference(rows, vocabulary, h, head, targets, weights);
    assertThat(got.nll).containsExactly(expected.nll, within(2e-5f));
    assertThat(got.dH).containsExactly(expected.dH, within(2e-5f));
    assertThat(got.dHead).containsExactly(expected.dHead, within(1e-4f));
  }

  private static float[] normal(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void roomForTooFewLogitsIsRefused() {
    try (Ops ops = CpuOps.create(1, 1 << 20)) {
      assertThatThrownBy(() -> new CrossEntropy(ops, ops.memory(), 63))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("The loss is computed for 64 tokens of the vocabulary at least, but may hold"
              + " only 63 logits. Raise maxLogits.");
    }
  }
}
