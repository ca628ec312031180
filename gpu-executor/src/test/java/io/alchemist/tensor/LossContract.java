package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** What every back end must do with logits: the loss in chunks of the vocabulary, and sampling. */
public abstract class LossContract {

  /** The back end under test, the same at each call; never closed. */
  protected abstract Ops ops();

  @Property
  void lossAndItsGradientInChunks(
      @ForAll @IntRange(min = 1, max = 10) int t,
      @ForAll @IntRange(min = 1, max = 60) int vocabulary,
      @ForAll @IntRange(min = 1, max = 60) int chunk,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      double[] logits = new double[t * vocabulary];
      int[] targets = device.random.ints(t, 0, vocabulary).toArray();
      Tensor target = device.ints(targets);
      Tensor weights = device.normal(1, t);
      Tensor sums = device.undefined(1, t);
      ops().fill(sums, Float.NEGATIVE_INFINITY);
      Tensor targetLogits = device.undefined(1, t);
      int chunks = (vocabulary + chunk - 1) / chunk;
      Tensor[] parts = new Tensor[chunks];
      for (int c = 0; c < chunks; c++) {
        int cols = Math.min(chunk, vocabulary - c * chunk);
        parts[c] = device.normal(t, cols);
        ops().add(4, parts[c], parts[c]);
        ops().softmaxStatistics(parts[c], c * chunk, target, sums, targetLogits);
        place(device.read(parts[c]), logits, t, vocabulary, c * chunk, cols);
      }
      double[] w = device.read(weights);
      double[] expectedSums = new double[t];
      double[] expectedTargets = new double[t];
      for (int i = 0; i < t; i++) {
        expectedSums[i] = Reference.logSumExp(logits, i * vocabulary, vocabulary);
        expectedTargets[i] = logits[i * vocabulary + targets[i]];
      }
      OpsContract.assertClose(device.read(sums), expectedSums);
      assertThat(device.read(targetLogits)).containsExactly(expectedTargets);

      double[] gradient = new double[logits.length];
      for (int c = 0; c < chunks; c++) {
        ops().softmaxGradient(parts[c], c * chunk, target, weights, sums);
        place(device.read(parts[c]), gradient, t, vocabulary, c * chunk, parts[c].cols());
      }
      OpsContract.assertClose(gradient, Reference.gradient(logits, v -> {
        double loss = 0;
        for (int i = 0; i < t; i++) {
          loss += w[i]
              * (Reference.logSumExp(v, i * vocabulary, vocabulary)
                  - v[i * vocabulary + targets[i]]);
        }
        return loss;
      }));
    }
  }

  private static void place(
      double[] part, double[] whole, int rows, int cols, int from, int count) {
    for (int i = 0; i < rows; i++) {
      System.arraycopy(part, i * count, whole, i * cols + from, count);
    }
  }

  @Property
  void rowOfTheLossDoesNotDependOnTheOthers(
      @ForAll @IntRange(min = 2, max = 9) int t,
      @ForAll @IntRange(min = 1, max = 9000) int vocabulary,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor logits = device.normal(t, vocabulary);
      Tensor alone = device.undefined(1, vocabulary);
      ops().copy(logits.rows(t - 1, 1), alone);
      Tensor targets = device.ints(new int[t]);
      Tensor weights = device.normal(1, t);
      Tensor sums = device.undefined(1, t);
      Tensor sum = device.undefined(1, 1);
      ops().fill(sums, Float.NEGATIVE_INFINITY);
      ops().fill(sum, Float.NEGATIVE_INFINITY);
      Tensor targetLogits = device.undefined(1, t);
      ops().softmaxStatistics(logits, 0, targets, sums, targetLogits);
      ops().softmaxStatistics(alone, 0, targets.view(t - 1, 1, 1), sum, targetLogits.view(0, 1, 1));
      assertThat(ops().read(sum)).containsExactly(ops().read(sums)[t - 1]);
      ops().softmaxGradient(logits, 0, targets, weights, sums);
      ops().softmaxGradient(alone, 0, targets.view(t - 1, 1, 1), weights.view(t - 1, 1, 1), sum);
      assertThat(ops().read(alone)).containsExactly(ops().read(logits.rows(t - 1, 1)));
    }
  }

  /** The rules of {@link Sampling} with everything sorted, in float64. */
  private static int draw(double[] logits, Sampling setting, double[] boundaryDistance) {
    Integer[] order = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparingDouble((Integer i) -> -logits[i]).thenComparing(i -> i));
    if (setting.temperature() == 0) {
      return order[0];
    }
    int kept = setting.topK() == 0 ? order.length : Math.min(setting.topK(), order.length);
    double[] p = new double[kept];
    double total = 0;
    for (int i = 0; i < kept; i++) {
      p[i] = Math.exp((logits[order[i]] - logits[order[0]]) / setting.temperature());
      total += p[i];
    }
    double sum = 0;
    int nucleus = 0;
    while (nucleus < kept && (nucleus == 0 || sum < setting.topP() * total)) {
      sum += p[nucleus++];
      boundaryDistance[0] = Math.min(boundaryDistance[0], Math.abs(sum / total - setting.topP()));
    }
    double below = 0;
    for (int i = 0; i < nucleus; i++) {
      below += p[i];
      boundaryDistance[0] =
          Math.min(boundaryDistance[0], Math.abs(below / sum - setting.uniform()));
      if (setting.uniform() * sum < below) {
        return order[i];
      }
    }
    return order[nucleus - 1];
  }

  @Property(tries = 300)
  void sampleFollowsItsRules(
      @ForAll @IntRange(min = 1, max = 5) int rows,
      @ForAll @IntRange(min = 1, max = 300) int vocabulary,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor logits = device.normal(rows, vocabulary);
      if (device.random.nextBoolean()) {
        // Many equal ones.
        float[] rounded = ops().read(logits);
        for (int i = 0; i < rounded.length; i++) {
          rounded[i] = Math.round(2 * rounded[i]);
        }
        ops().upload(rounded, logits);
      }
      Sampling[] settings = new Sampling[rows];
      for (int i = 0; i < rows; i++) {
        settings[i] = new Sampling(
            device.random.nextInt(5) == 0 ? 0 : 0.1f + 2 * device.random.nextFloat(),
            device.random.nextBoolean() ? 0 : 1 + device.random.nextInt(vocabulary),
            device.random.nextBoolean() ? 1 : 0.01f + 0.98f * device.random.nextFloat(),
            device.random.nextFloat());
      }
      Tensor ids = device.ints(new int[rows]);
      Tensor logProbs = device.undefined(1, rows);
      ops().sample(logits, settings, ids, logProbs);
      double[] all = device.read(logits);
      for (int i = 0; i < rows; i++) {
        double[] row = Arrays.copyOfRange(all, i * vocabulary, (i + 1) * vocabulary);
        double[] distance = {1};
        int expected = draw(row, settings[i], distance);
        int id = ops().readInts(ids)[i];
        // On the edge between two tokens float32 may fall to either side.
        if (distance[0] > 1e-5) {
          assertThat(id).as("%s of %s", settings[i], Arrays.toString(row)).isEqualTo(expected);
        }
        assertThat(device.read(logProbs)[i])
            .isCloseTo(row[id] - Reference.logSumExp(row, 0, vocabulary), within(1e-5));
      }
    }
  }

  @Test
  void sampleOfARowWithNaNIsMinusOne() {
    try (Device device = new Device(ops(), 1)) {
      Tensor logits = device.floats(2, 3, 1, Float.NaN, 2, 1, 5, 5);
      Tensor ids = device.ints(0, 0);
      Tensor logProbs = device.undefined(1, 2);
      ops().sample(logits, new Sampling[] {Sampling.GREEDY, Sampling.GREEDY}, ids, logProbs);
      assertThat(ops().readInts(ids)).containsExactly(-1, 1);
    }
  }

  @Test
  void maskedTokensAreNeverDrawn() {
    float no = Float.NEGATIVE_INFINITY;
    try (Device device = new Device(ops(), 1)) {
      Tensor logits = device.floats(1, 4, no, 1, no, 0);
      Tensor ids = device.ints(0);
      Tensor logProbs = device.undefined(1, 1);
      for (float uniform : new float[] {0, 0.5f, 0.9f, 0.9999999f}) {
        ops().sample(logits, new Sampling[] {new Sampling(3, 0, 1, uniform)}, ids, logProbs);
        assertThat(ops().readInts(ids)[0]).isIn(1, 3);
      }
    }
  }

  @Property
  void topLogProbsAreTheFirstOfTheSorted(
      @ForAll @IntRange(min = 1, max = 4) int rows,
      @ForAll @IntRange(min = 1, max = 5000) int vocabulary,
      @ForAll @IntRange(min = 1, max = 20) int wanted,
      @ForAll long seed) {
    int n = Math.min(wanted, vocabulary);
    try (Device device = new Device(ops(), seed)) {
      Tensor logits = device.normal(rows, vocabulary);
      Tensor ids = device.intMatrix(rows, n, new int[rows * n]);
      Tensor logProbs = device.undefined(rows, n);
      ops().topLogProbs(logits, ids, logProbs);
      double[] all = device.read(logits);
      double[] actual = device.read(logProbs);
      for (int i = 0; i < rows; i++) {
        double[] row = Arrays.copyOfRange(all, i * vocabulary, (i + 1) * vocabulary);
        double sum = Reference.logSumExp(row, 0, vocabulary);
        int[] order = IntStream.range(0, vocabulary)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer j) -> -row[j]).thenComparing(j -> j))
            .mapToInt(j -> j)
            .toArray();
        for (int j = 0; j < n; j++) {
          assertThat(ops().readInts(ids)[i * n + j]).isEqualTo(order[j]);
          assertThat(actual[i * n + j]).isCloseTo(row[order[j]] - sum, within(1e-5));
        }
      }
    }
  }
}
