package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/**
 * What every back end must do, against float64 and finite differences: linear layers, element-wise operations and moves. The
 * other parts are in {@link AttentionContract}, {@link LossContract} and {@link OpsErrorContract}.
 *
 * <p>Tolerance: a float32 sum of n terms is off by at most n 2^-24 of the sum of their magnitudes, typically the root of
 * that. With numbers near 1 and sums of at most a few thousand terms the typical error is below 1e-5 of the largest
 * element; tests allow {@value #TOLERANCE}.
 */
public abstract class OpsContract {
  static final double TOLERANCE = 3e-5;

  /** The back end under test, the same at each call; never closed. */
  protected abstract Ops ops();

  static void assertClose(double[] actual, double[] expected) {
    double scale = 1;
    for (double x : expected) {
      scale = Math.max(scale, Math.abs(x));
    }
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("element %d", i).isCloseTo(expected[i], within(TOLERANCE * scale));
    }
  }

  private static float[] slice(float[] x, int from, int count) {
    return Arrays.copyOfRange(x, from, from + count);
  }

  @Property
  void matmulAndItsGradients(
      @ForAll @IntRange(min = 1, max = 40) int t,
      @ForAll @IntRange(min = 1, max = 70) int k,
      @ForAll @IntRange(min = 1, max = 100) int n,
      @ForAll boolean accumulate,
      @ForAll long seed) {
    checkMatmul(t, k, n, accumulate ? 1 : 0, seed);
  }

  /** Few rows, which a back end may compute in another way than many. */
  @Property(tries = 100)
  void matmulAndItsGradientsOfFewRows(
      @ForAll @IntRange(min = 1, max = 80) int t,
      @ForAll @IntRange(min = 1, max = 300) int k,
      @ForAll @IntRange(min = 1, max = 600) int n,
      @ForAll boolean accumulate,
      @ForAll long seed) {
    checkMatmul(t, k, n, accumulate ? 1 : 0, seed);
  }

  /** More inner elements and more pieces than one block holds. */
  @Test
  void matmulOfLargeMatrices() {
    checkMatmul(150, 2100, 200, 1, 1);
    checkMatmul(70, 90, 2500, 0, 2);
    checkMatmul(2300, 40, 17, 0, 3);
    checkMatmul(17, 700, 1700, 1, 4);
    checkMatmul(50, 700, 1700, 0, 5);
    checkMatmul(150, 1100, 9, 1, 6);
    checkMatmul(150, 9, 1100, 1, 7);
  }

  private void checkMatmul(int t, int k, int n, float beta, long seed) {
    float alpha = 0.5f;
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(t, k);
      Tensor matrix = device.normal(n, k);
      Weight w = device.pack(matrix);
      Tensor y = beta == 0 ? device.undefined(t, n) : device.normal(t, n);
      double[] before = beta == 0 ? new double[t * n] : device.read(y);
      ops().matmul(alpha, x, w, beta, y);
      double[] xs = device.read(x);
      double[] ws = device.read(matrix);
      assertClose(
          device.read(y), Reference.sum(alpha, Reference.matmul(xs, ws, t, k, n), beta, before));

      // y is linear in x and w, so its gradients are products too.
      Tensor dy = device.normal(t, n);
      double[] dys = device.read(dy);
      Tensor dx = beta == 0 ? device.undefined(t, k) : device.normal(t, k);
      double[] dxBefore = beta == 0 ? new double[t * k] : device.read(dx);
      ops().matmulInputGradient(alpha, dy, w, beta, dx);
      double[] wT = Reference.transpose(ws, n, k);
      assertClose(
          device.read(dx),
          Reference.sum(alpha, Reference.matmul(dys, wT, t, n, k), beta, dxBefore));

      Tensor dw = device.normal(n, k);
      double[] dwBefore = device.read(dw);
      ops().matmulWeightGradient(alpha, dy, x, dw);
      double[] product =
          Reference.matmul(Reference.transpose(dys, t, n), Reference.transpose(xs, t, k), n, t, k);
      assertClose(device.read(dw), Reference.sum(alpha, product, 1, dwBefore));
    }
  }

  @Property
  void matmulGradientsAreThoseOfFiniteDifferences(
      @ForAll @IntRange(min = 1, max = 5) int t,
      @ForAll @IntRange(min = 1, max = 9) int k,
      @ForAll @IntRange(min = 1, max = 9) int n,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(t, k);
      Tensor matrix = device.normal(n, k);
      Tensor dy = device.normal(t, n);
      Tensor dx = device.undefined(t, k);
      Tensor dw = device.zeros(n, k);
      ops().matmulInputGradient(1, dy, device.pack(matrix), 0, dx);
      ops().matmulWeightGradient(1, dy, x, dw);
      double[] xs = device.read(x);
      double[] ws = device.read(matrix);
      double[] dys = device.read(dy);
      assertClose(
          device.read(dx),
          Reference.gradient(xs, v -> Reference.dot(Reference.matmul(v, ws, t, k, n), dys)));
      assertClose(
          device.read(dw),
          Reference.gradient(ws, v -> Reference.dot(Reference.matmul(xs, v, t, k, n), dys)));
    }
  }

  @Property
  void sliceOfAWeightIsThatRangeOfOutputs(
      @ForAll @IntRange(min = 0, max = 2) int step,
      @ForAll @IntRange(min = 1, max = 90) int count,
      @ForAll @IntRange(min = 1, max = 40) int t,
      @ForAll boolean accumulate,
      @ForAll long seed) {
    int k = 33;
    int n = 230;
    int from = step * Weight.SLICE_STEP;
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(t, k);
      Tensor matrix = device.normal(n, k);
      Weight w = device.pack(matrix).slice(from, count);
      Tensor y = device.undefined(t, count);
      ops().matmul(1, x, w, 0, y);
      double[] rows = device.read(matrix.rows(from, count));
      assertClose(device.read(y), Reference.matmul(device.read(x), rows, t, k, count));
      float beta = accumulate ? 1 : 0;
      Tensor dx = accumulate ? device.normal(t, k) : device.undefined(t, k);
      double[] before = accumulate ? device.read(dx) : new double[t * k];
      ops().matmulInputGradient(0.5f, y, w, beta, dx);
      double[] product =
          Reference.matmul(device.read(y), Reference.transpose(rows, count, k), t, count, k);
      assertClose(device.read(dx), Reference.sum(0.5f, product, beta, before));
    }
  }

  @Property
  void aWeightMayBePackedSliceBySlice(
      @ForAll @IntRange(min = 1, max = 2 * Weight.SLICE_STEP + 9) int n,
      @ForAll @IntRange(min = 1, max = 40) int k,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor matrix = device.normal(n, k);
      Weight slices = device.unpacked(n, k);
      for (int from = 0; from < n; from += Weight.SLICE_STEP) {
        int count = Math.min(Weight.SLICE_STEP, n - from);
        ops().pack(matrix.rows(from, count), slices.slice(from, count));
      }
      assertThat(ops().read(slices.packed()))
          .isEqualTo(ops().read(device.pack(matrix).packed()));
    }
  }

  @Property
  void rowOfAProductDoesNotDependOnTheOthers(
      @ForAll @IntRange(min = 2, max = 90) int t,
      @ForAll @IntRange(min = 1, max = 1100) int k,
      @ForAll @IntRange(min = 1, max = 70) int n,
      @ForAll long seed) {
    checkRowsAlone(t, k, n, seed);
  }

  /** Few inputs: their gradient may be computed in another way. */
  @Property(tries = 200)
  void rowOfANarrowProductDoesNotDependOnTheOthers(
      @ForAll @IntRange(min = 2, max = 150) int t,
      @ForAll @IntRange(min = 1, max = 40) int k,
      @ForAll @IntRange(min = 1, max = 1100) int n,
      @ForAll long seed) {
    checkRowsAlone(t, k, n, seed);
  }

  private void checkRowsAlone(int t, int k, int n, long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(t, k);
      Tensor y = device.undefined(t, n);
      Tensor one = device.undefined(t, n);
      Tensor dx = device.normal(t, k);
      Tensor dxOne = device.undefined(t, k);
      ops().copy(dx, dxOne);
      Weight w = device.pack(device.normal(n, k));
      ops().matmul(0.3f, x, w, 0, y);
      ops().matmulInputGradient(0.3f, y, w, 1, dx);
      // Cut at random, alone at the end.
      for (int i = 0; i < t; ) {
        int rows = i < t / 2 ? 1 + device.random.nextInt(t / 2) : 1;
        ops().matmul(0.3f, x.rows(i, rows), w, 0, one.rows(i, rows));
        ops().matmulInputGradient(0.3f, y.rows(i, rows), w, 1, dxOne.rows(i, rows));
        i += rows;
      }
      assertThat(ops().read(one)).containsExactly(ops().read(y));
      assertThat(ops().read(dxOne)).containsExactly(ops().read(dx));
    }
  }

  @Property
  void embeddingIsRowsOfTheTable(
      @ForAll @IntRange(min = 1, max = 100) int vocabulary,
      @ForAll @IntRange(min = 1, max = 300) int cols,
      @ForAll @IntRange(min = 1, max = 80) int t,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor table = device.normal(vocabulary, cols);
      int[] ids = device.random.ints(t, 0, vocabulary).toArray();
      Tensor out = device.undefined(t, cols);
      Tensor dTable = device.normal(vocabulary, cols);
      double[] expected = device.read(dTable);
      ops().embed(device.pack(table), device.ints(ids), out);
      ops().embedGradient(device.ints(ids), out, dTable);
      float[] rows = ops().read(table);
      float[] embedded = ops().read(out);
      for (int i = 0; i < t; i++) {
        assertThat(slice(embedded, i * cols, cols))
            .containsExactly(slice(rows, ids[i] * cols, cols));
        for (int c = 0; c < cols; c++) {
          expected[ids[i] * cols + c] += rows[ids[i] * cols + c];
        }
      }
      assertClose(device.read(dTable), expected);
    }
  }

  @Property
  void rmsNormAndItsGradient(
      @ForAll @IntRange(min = 1, max = 40) int t,
      @ForAll @IntRange(min = 1, max = 40) int cols,
      @ForAll boolean withGain,
      @ForAll long seed) {
    float epsilon = 1e-3f;
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(t, cols);
      Tensor gain = device.normal(1, cols);
      Tensor y = device.undefined(t, cols);
      ops().rmsNorm(x, gain, epsilon, y);
      double[] xs = device.read(x);
      double[] gains = device.read(gain);
      assertClose(device.read(y), Reference.rmsNorm(xs, gains, epsilon));

      Tensor alone = device.undefined(1, cols);
      ops().rmsNorm(x.rows(t - 1, 1), gain, epsilon, alone);
      assertThat(ops().read(alone)).containsExactly(ops().read(y.rows(t - 1, 1)));

      Tensor dy = device.normal(t, cols);
      Tensor dx = device.normal(t, cols);
      Tensor dGain = device.normal(1, cols);
      double[] dys = device.read(dy);
      double[] dxBefore = device.read(dx);
      double[] dGainBefore = device.read(dGain);
      ops().rmsNormGradient(x, gain, epsilon, dy, dx, withGain ? dGain : null);
      double[] ofX =
          Reference.gradient(xs, v -> Reference.dot(Reference.rmsNorm(v, gains, epsilon), dys));
      assertClose(device.read(dx), Reference.sum(1, ofX, 1, dxBefore));
      double[] ofGain =
          Reference.gradient(gains, v -> Reference.dot(Reference.rmsNorm(xs, v, epsilon), dys));
      assertClose(device.read(dGain), Reference.sum(withGain ? 1 : 0, ofGain, 1, dGainBefore));
    }
  }

  @Property
  void ropeTurnsAndItsGradientTurnsBack(
      @ForAll @IntRange(min = 1, max = 40) int t,
      @ForAll @IntRange(min = 1, max = 3) int heads,
      @ForAll @IntRange(min = 1, max = 20) int half,
      @ForAll long seed) {
    int dim = 2 * half;
    int size = 50;
    try (Device device = new Device(ops(), seed)) {
      float[] angles = new float[size * dim];
      for (int p = 0; p < size; p++) {
        for (int i = 0; i < half; i++) {
          angles[p * dim + i] = (float) Math.cos(p / (i + 1.0));
          angles[p * dim + half + i] = (float) Math.sin(p / (i + 1.0));
        }
      }
      Tensor table = device.floats(size, dim, angles);
      int[] positions = device.random.ints(t, 0, size).toArray();
      Tensor x = device.normal(t, heads * dim);
      double[] xs = device.read(x);
      ops().rope(x, device.ints(positions), table);
      double[] tables = device.read(table);
      assertClose(device.read(x), Reference.rope(xs, heads * dim, positions, tables, dim));

      Tensor d = device.normal(t, heads * dim);
      double[] ds = device.read(d);
      ops().ropeGradient(d, device.ints(positions), table);
      assertClose(
          device.read(d),
          Reference.gradient(
              xs, v -> Reference.dot(Reference.rope(v, heads * dim, positions, tables, dim), ds)));
    }
  }

  @Property
  void swiGluAndItsGradient(
      @ForAll @IntRange(min = 1, max = 9) int t,
      @ForAll @IntRange(min = 1, max = 40) int cols,
      @ForAll @IntRange(min = 0, max = 3) int alias,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor gate = device.normal(t, cols);
      ops().add(2, gate, gate);
      Tensor up = device.normal(t, cols);
      Tensor out = device.undefined(t, cols);
      ops().swiGlu(gate, up, out);
      double[] gates = device.read(gate);
      double[] ups = device.read(up);
      assertClose(device.read(out), Reference.swiGlu(gates, ups));
      Tensor alone = device.undefined(1, cols);
      ops().swiGlu(gate.rows(t - 1, 1), up.rows(t - 1, 1), alone);
      assertThat(ops().read(alone)).containsExactly(ops().read(out.rows(t - 1, 1)));

      Tensor dOut = device.normal(t, cols);
      double[] dOuts = device.read(dOut);
      Tensor dGate = alias == 1 ? dOut : device.undefined(t, cols);
      Tensor dUp = alias == 2 ? dOut : device.undefined(t, cols);
      ops().swiGluGradient(gate, up, dOut, dGate, dUp);
      assertClose(
          device.read(dGate),
          Reference.gradient(gates, v -> Reference.dot(Reference.swiGlu(v, ups), dOuts)));
      assertClose(
          device.read(dUp),
          Reference.gradient(ups, v -> Reference.dot(Reference.swiGlu(gates, v), dOuts)));
    }
  }

  @Test
  void swiGluOfExtremeNumbers() {
    try (Device device = new Device(ops(), 1)) {
      Tensor gate = device.floats(1, 5, -1000, -90, 0, 90, 1000);
      Tensor up = device.floats(1, 5, 2, 2, 2, 2, 2);
      Tensor out = device.undefined(1, 5);
      ops().swiGlu(gate, up, out);
      assertClose(device.read(out), new double[] {0, 0, 0, 180, 2000});
    }
  }

  @Property
  void movesOfRows(
      @ForAll @IntRange(min = 1, max = 30) int t,
      @ForAll @IntRange(min = 0, max = 30) int more,
      @ForAll @IntRange(min = 1, max = 40) int cols,
      @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      int[] rows = shuffled(t + more, device.random);
      Tensor row = device.ints(Arrays.copyOf(rows, t));
      Tensor from = device.normal(t, cols);
      Tensor pool = device.zeros(t + more, cols);
      Tensor back = device.undefined(t, cols);
      Tensor copied = device.undefined(t, cols);
      ops().scatterRows(from, row, pool);
      ops().gatherRows(pool, row, back);
      ops().copy(back, copied);
      assertThat(ops().read(copied)).containsExactly(ops().read(from));
      for (int i = t; i < t + more; i++) {
        assertThat(ops().read(pool.rows(rows[i], 1))).containsOnly(0f);
      }
      assertThat(ops().readInts(row)).containsExactly(Arrays.copyOf(rows, t));
    }
  }

  /** As keys and values move: pages of consecutive rows in any order, more than one thread moves. */
  @Property(tries = 10)
  void pagesOfRowsMove(@ForAll @IntRange(min = 1, max = 900) int t, @ForAll long seed) {
    int page = 16;
    int cols = 256;
    int pages = (t + page - 1) / page;
    try (Device device = new Device(ops(), seed)) {
      int[] order = shuffled(pages, device.random);
      int[] rows = new int[t];
      Arrays.setAll(rows, i -> order[i / page] * page + i % page);
      Tensor row = device.ints(rows);
      Tensor from = device.normal(t, cols);
      Tensor pool = device.zeros(pages * page, cols);
      Tensor back = device.undefined(t, cols);
      Tensor copied = device.undefined(t, cols);
      ops().scatterRows(from, row, pool);
      ops().gatherRows(pool, row, back);
      ops().copy(back, copied);
      float[] sent = ops().read(from);
      float[] paged = ops().read(pool);
      for (int i = 0; i < t; i++) {
        assertThat(Arrays.copyOfRange(paged, rows[i] * cols, (rows[i] + 1) * cols))
            .containsExactly(Arrays.copyOfRange(sent, i * cols, (i + 1) * cols));
      }
      assertThat(ops().read(copied)).containsExactly(sent);
    }
  }

  private static int[] shuffled(int n, Random random) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  @Property
  void sumsOverElements(@ForAll @IntRange(min = 1, max = 50_000) int n, @ForAll long seed) {
    try (Device device = new Device(ops(), seed)) {
      Tensor x = device.normal(1, n);
      Tensor y = device.normal(1, n);
      double[] expected = Reference.sum(-0.5, device.read(x), 1, device.read(y));
      ops().add(-0.5f, x, y);
      assertClose(device.read(y), expected);
      Tensor sum = device.floats(1, 1, 3);
      ops().addSquares(x, sum);
      double[] xs = device.read(x);
      assertClose(device.read(sum), new double[] {3 + Reference.dot(xs, xs)});
    }
  }

  @Test
  void squaresOfWhatIsNotFiniteAreNotFinite() {
    try (Device device = new Device(ops(), 1)) {
      Tensor sum = device.zeros(1, 1);
      ops().addSquares(device.floats(1, 3, 1, Float.NaN, 2), sum);
      assertThat(ops().read(sum)).containsExactly(Float.NaN);
      Tensor other = device.zeros(1, 1);
      ops().addSquares(device.floats(1, 2, Float.NEGATIVE_INFINITY, 2), other);
      assertThat(ops().read(other)).containsExactly(Float.POSITIVE_INFINITY);
    }
  }

  @Property
  void adamWFollowsItsFormula(
      @ForAll @IntRange(min = 1, max = 100) int n,
      @ForAll @IntRange(min = 1, max = 1000) int steps,
      @ForAll long seed) {
    AdamWStep step = new AdamWStep(0.01f, 0.9f, 0.99f, 1e-6f, 0.1f, steps, 0.25f);
    try (Device device = new Device(ops(), seed)) {
      Tensor parameter = device.normal(1, n);
      Tensor gradient = device.normal(1, n);
      Tensor first = device.normal(1, n);
      Tensor second = device.undefined(1, n);
      ops().fill(second, 0.5f);
      double[] p = device.read(parameter);
      double[] g = device.read(gradient);
      double[] m = device.read(first);
      double[] v = device.read(second);
      ops().adamW(parameter, gradient, first, second, step);
      for (int i = 0; i < n; i++) {
        double d = 0.25 * g[i];
        m[i] = step.beta1() * m[i] + (1 - step.beta1()) * d;
        v[i] = step.beta2() * v[i] + (1 - step.beta2()) * d * d;
        double mean = m[i] / (1 - Math.pow(step.beta1(), steps));
        double square = v[i] / (1 - Math.pow(step.beta2(), steps));
        p[i] -= 0.01 * (mean / (Math.sqrt(square) + 1e-6) + 0.1 * p[i]);
      }
      assertClose(device.read(parameter), p);
      assertClose(device.read(first), m);
      assertClose(device.read(second), v);
    }
  }

  @Test
  void matmulRateIsPositive() {
    assertThat(MatmulRate.measure(ops(), 16, 64, 64)).isPositive();
  }
}
