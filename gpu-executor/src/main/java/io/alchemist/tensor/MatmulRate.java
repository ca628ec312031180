package io.alchemist.tensor;

/** How fast a back end multiplies matrices: the yardstick for everything else it does. */
public final class MatmulRate {
  private static final int WARM_UP_RUNS = 3;
  private static final long MEASURE_NANOS = 400_000_000;
  private static final int LEAST_RUNS = 5;

  private MatmulRate() {}

  /**
   * Floating-point operations a second, in billions, of {@link Ops#matmul} on (t, k) by (n, k): the best of several runs,
   * since other work of the machine can only slow it down. Takes about half a second after the compiler has warmed up.
   */
  public static double measure(Ops ops, int t, int k, int n) {
    try (MemoryScope scope = ops.memory().child("matmul rate");
        Tensor matrix = scope.allocate("w", DType.F32, n, k);
        Tensor x = scope.allocate("x", DType.F32, t, k);
        Tensor y = scope.allocate("y", DType.F32, t, n)) {
      ops.fill(matrix, 0.5f);
      ops.fill(x, 0.25f);
      try (Weight w = ops.pack(matrix, scope, "packed w")) {
        for (int i = 0; i < WARM_UP_RUNS; i++) {
          ops.matmul(1, x, w, 0, y);
        }
        ops.fence().await();
        long begin = System.nanoTime();
        long best = Long.MAX_VALUE;
        for (int i = 0; i < LEAST_RUNS || System.nanoTime() - begin < MEASURE_NANOS; i++) {
          long start = System.nanoTime();
          ops.matmul(1, x, w, 0, y);
          ops.fence().await();
          best = Math.min(best, System.nanoTime() - start);
        }
        return 2.0 * t * k * n / best;
      }
    }
  }
}
