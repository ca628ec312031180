package io.alchemist.tensor.cpu;

import java.util.Arrays;

/** Softmax over a vocabulary, row by row, in chunks that stay in the cache; sums of chunks are added in double. */
final class Loss {
  static final int CHUNK = 4096;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;

  Loss(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
  }

  /** log(sum(exp(x))) of {@code count} elements. */
  static double logSumExp(Kernels kernels, Floats x, int from, int count, float[] chunk) {
    double max = Double.NEGATIVE_INFINITY;
    double sum = 0;
    float[] partial = new float[Kernels.MAX_LANES];
    for (int i = 0; i < count; i += CHUNK) {
      int n = Math.min(CHUNK, count - i);
      x.load(from + i, chunk, 0, n);
      float chunkMax = kernels.max(chunk, 0, n);
      if (chunkMax > max) {
        sum *= Math.exp(max - chunkMax);
        max = chunkMax;
      } else if (chunkMax == Float.NEGATIVE_INFINITY) {
        continue;
      } else if (Float.isNaN(chunkMax)) {
        return Double.NaN;
      }
      Arrays.fill(partial, 0);
      kernels.expShifted(chunk, 0, n, (float) max, partial, 0);
      sum += Kernels.total(partial, 0);
    }
    return max == Double.NEGATIVE_INFINITY ? max : max + Math.log(sum);
  }

  private static double logOfSum(double a, double b) {
    if (a == Double.NEGATIVE_INFINITY) {
      return b;
    }
    if (b == Double.NEGATIVE_INFINITY) {
      return a;
    }
    return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
  }

  void statistics(
      int rows,
      int cols,
      Floats logits,
      int firstToken,
      Ints targets,
      Floats logSumExp,
      Floats targetLogit) {
    pool.run(rows, (t, thread) -> {
      float[] chunk = scratch[thread].floats(0, CHUNK);
      double sum = logSumExp(kernels, logits, t * cols, cols, chunk);
      logSumExp.set(t, (float) logOfSum(logSumExp.at(t), sum));
      long target = (long) targets.at(t) - firstToken;
      if (target >= 0 && target < cols) {
        targetLogit.set(t, logits.at(t * cols + (int) target));
      }
    });
  }

  void gradient(
      int rows,
      int cols,
      Floats logits,
      int firstToken,
      Ints targets,
      Floats weights,
      Floats logSumExp) {
    pool.run(rows, (t, thread) -> {
      float[] chunk = scratch[thread].floats(0, CHUNK);
      float[] unused = new float[Kernels.MAX_LANES];
      float weight = weights.at(t);
      long target = (long) targets.at(t) - firstToken;
      for (int i = 0; i < cols; i += CHUNK) {
        int n = Math.min(CHUNK, cols - i);
        logits.load(t * cols + i, chunk, 0, n);
        kernels.expShifted(chunk, 0, n, logSumExp.at(t), unused, 0);
        if (target >= i && target < i + n) {
          chunk[(int) target - i] -= 1;
        }
        for (int j = 0; j < n; j++) {
          chunk[j] *= weight;
        }
        logits.store(t * cols + i, chunk, 0, n);
      }
    });
  }
}
