package io.alchemist.tensor.cpu;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MatmulRate;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

/** Prints how fast the kernels are: {@code KernelBench [threads ...]}. Each figure is the best of many runs. */
public final class KernelBench {
  private static final long MEASURE_NANOS = 600_000_000;

  private final CpuOps ops;
  private final MemoryScope scope;

  private KernelBench(CpuOps ops) {
    this.ops = ops;
    this.scope = ops.memory().child("bench");
  }

  public static void main(String[] arguments) {
    int[] threads = arguments.length == 0
        ? new int[] {1, 2}
        : IntStream.range(0, arguments.length)
            .map(i -> Integer.parseInt(arguments[i]))
            .toArray();
    for (int count : threads) {
      CpuOps ops = CpuOps.create(count, 1L << 30);
      KernelBench bench = new KernelBench(ops);
      print("%s", ops.description());
      print("MatmulRate 1024^3: %.1f GFLOP/s", MatmulRate.measure(ops, 1024, 1024, 1024));
      bench.products(1024, 1024, 1024);
      bench.products(512, 512, 2048);
      bench.products(1024, 512, 8);
      bench.products(1024, 8, 512);
      bench.oneRow();
      bench.fewRows();
      bench.attention();
      bench.fewQueries();
    }
  }

  private static void print(String format, Object... values) {
    System.out.printf(format + "%n", values);
  }

  private static double bestNanos(Runnable operation) {
    long best = Long.MAX_VALUE;
    long begin = System.nanoTime();
    for (int i = 0; i < 10 || System.nanoTime() - begin < MEASURE_NANOS; i++) {
      long start = System.nanoTime();
      operation.run();
      best = Math.min(best, System.nanoTime() - start);
    }
    return best;
  }

  private Tensor random(int rows, int cols) {
    Tensor tensor = scope.allocate("random", DType.F32, rows, cols);
    float[] values = new float[rows * cols];
    Random random = new Random(1);
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    ops.upload(values, tensor);
    return tensor;
  }

  private Tensor ints(int... values) {
    Tensor tensor = scope.allocate("ints", DType.I32, 1, values.length);
    ops.upload(values, tensor);
    return tensor;
  }

  private void products(int t, int k, int n) {
    double operations = 2.0 * t * k * n;
    try (Tensor x = random(t, k);
        Tensor y = random(t, n);
        Tensor matrix = random(n, k);
        Tensor dw = random(n, k);
        Weight w = ops.pack(matrix, scope, "w")) {
      print(
          "%d x %d x %d: matmul %.1f, input gradient %.1f, weight gradient %.1f GFLOP/s",
          t,
          k,
          n,
          operations / bestNanos(() -> ops.matmul(1, x, w, 0, y)),
          operations / bestNanos(() -> ops.matmulInputGradient(1, y, w, 0, x)),
          operations / bestNanos(() -> ops.matmulWeightGradient(1, y, x, dw)));
    }
  }

  private void oneRow() {
    int n = 16_384;
    int k = 2048;
    try (Tensor x = random(1, k);
        Tensor y = random(1, n);
        Tensor matrix = random(n, k);
        Weight w = ops.pack(matrix, scope, "w")) {
      double nanos = bestNanos(() -> ops.matmul(1, x, w, 0, y));
      print("one row, %d MB of weights: %.1f GB/s", 4L * n * k / 1_000_000, 4.0 * n * k / nanos);
    }
  }

  /** Weights in turn, more than the cache holds, as the layers of a model are. */
  private void fewRows() {
    int t = 8;
    int k = 512;
    int n = 1408;
    try (MemoryScope weights = scope.child("weights");
        Tensor x = random(t, k);
        Tensor y = random(t, n);
        Tensor matrix = random(n, k)) {
      Weight[] layers = new Weight[16];
      Arrays.setAll(layers, i -> ops.pack(matrix, weights, "w"));
      int[] turn = new int[1];
      print(
          "%d rows, %d weights of %d x %d: matmul %.3f, input gradient %.3f ms",
          t,
          layers.length,
          n,
          k,
          bestNanos(() -> ops.matmul(1, x, layers[turn[0]++ % layers.length], 0, y)) / 1e6,
          bestNanos(() -> ops.matmulInputGradient(1, y, layers[turn[0]++ % layers.length], 0, x))
              / 1e6);
      for (Weight layer : layers) {
        layer.close();
      }
    }
  }

  /** 4 runs, each of 2 queries at its end; heads as in {@link #attention}. */
  private void fewQueries() {
    int runs = 4;
    int queries = 2;
    int tokens = 499;
    int pagesOfRun = (tokens + 15) / 16;
    int t = runs * pagesOfRun * 16;
    int dim = 64;
    int[] layout = new int[runs * 5];
    int[] rows = new int[runs * tokens];
    for (int r = 0; r < runs; r++) {
      int[] run = {r * queries, queries, tokens - queries, r * pagesOfRun, r * tokens};
      System.arraycopy(run, 0, layout, r * run.length, run.length);
      for (int i = 0; i < tokens; i++) {
        rows[r * tokens + i] = r * pagesOfRun * 16 + i;
      }
    }
    try (Tensor q = random(runs * queries, 8 * dim);
        Tensor k = random(t, 4 * dim);
        Tensor v = random(t, 4 * dim);
        Tensor out = random(runs * queries, 8 * dim);
        Tensor sums = random(runs * queries, 8);
        Tensor dQ = random(runs * queries, 8 * dim);
        Tensor dK = random(t, 4 * dim);
        Tensor dV = random(t, 4 * dim);
        Tensor layouts = scope.allocate("layout", DType.I32, runs, 5);
        Tensor pages = ints(IntStream.range(0, runs * pagesOfRun).toArray());
        Tensor keyRows = ints(rows)) {
      ops.upload(layout, layouts);
      RaggedBatch batch =
          new RaggedBatch(runs, runs * queries, 16, tokens, layouts, pages, keyRows);
      print(
          "attention, %d runs of %d queries over %d tokens: %.3f ms, gradient %.3f ms",
          runs,
          queries,
          tokens,
          bestNanos(() -> ops.attention(q, k, v, batch, dim, out, sums)) / 1e6,
          bestNanos(() -> ops.attentionGradient(q, k, v, batch, dim, out, sums, q, dQ, dK, dV))
              / 1e6);
    }
  }

  /** 1024 tokens, 8 heads, 4 key/value heads of width 64. */
  private void attention() {
    int t = 1024;
    int dim = 64;
    int[] rows = IntStream.range(0, t).toArray();
    try (Tensor q = random(t, 8 * dim);
        Tensor k = random(t, 4 * dim);
        Tensor v = random(t, 4 * dim);
        Tensor out = random(t, 8 * dim);
        Tensor sums = random(t, 8);
        Tensor dQ = random(t, 8 * dim);
        Tensor dK = random(t, 4 * dim);
        Tensor dV = random(t, 4 * dim);
        Tensor prefill = ints(0, t, 0, 0, 0);
        Tensor decode = ints(0, 1, t - 1, 0, 0);
        Tensor pages = ints(IntStream.range(0, t / 16).toArray());
        Tensor keyRows = ints(rows)) {
      RaggedBatch whole = new RaggedBatch(1, t, 16, t, prefill, pages, keyRows);
      RaggedBatch last = new RaggedBatch(1, 1, 16, t, decode, pages, keyRows);
      Tensor q1 = q.rows(0, 1);
      Tensor out1 = out.rows(0, 1);
      Tensor sums1 = sums.rows(0, 1);
      print(
          "attention, 1024 tokens: %.2f ms, gradient %.2f ms; one token after 1023: %.3f ms",
          bestNanos(() -> ops.attention(q, k, v, whole, dim, out, sums)) / 1e6,
          bestNanos(() -> ops.attentionGradient(q, k, v, whole, dim, out, sums, q, dQ, dK, dV))
              / 1e6,
          bestNanos(() -> ops.attention(q1, k, v, last, dim, out1, sums1)) / 1e6);
    }
  }
}
