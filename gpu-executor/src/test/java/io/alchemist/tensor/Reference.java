package io.alchemist.tensor;

import java.util.function.ToDoubleFunction;

/** The operations in float64, as their definitions read; matrices are row-major arrays. */
final class Reference {
  private Reference() {}

  /** x wᵀ: x (t, k), w (n, k). */
  static double[] matmul(double[] x, double[] w, int t, int k, int n) {
    double[] y = new double[t * n];
    for (int i = 0; i < t; i++) {
      for (int j = 0; j < n; j++) {
        for (int l = 0; l < k; l++) {
          y[i * n + j] += x[i * k + l] * w[j * k + l];
        }
      }
    }
    return y;
  }

  /** (cols, rows) of (rows, cols). */
  static double[] transpose(double[] x, int rows, int cols) {
    double[] y = new double[x.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        y[j * rows + i] = x[i * cols + j];
      }
    }
    return y;
  }

  /** a x + b y. */
  static double[] sum(double a, double[] x, double b, double[] y) {
    double[] z = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      z[i] = a * x[i] + b * y[i];
    }
    return z;
  }

  static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }

  static double[] rmsNorm(double[] x, double[] gain, double epsilon) {
    int cols = gain.length;
    double[] y = new double[x.length];
    for (int t = 0; t < x.length / cols; t++) {
      double squares = 0;
      for (int i = 0; i < cols; i++) {
        squares += x[t * cols + i] * x[t * cols + i];
      }
      for (int i = 0; i < cols; i++) {
        y[t * cols + i] = x[t * cols + i] / Math.sqrt(squares / cols + epsilon) * gain[i];
      }
    }
    return y;
  }

  static double[] rope(double[] x, int cols, int[] positions, double[] table, int dim) {
    double[] y = new double[x.length];
    for (int t = 0; t < positions.length; t++) {
      for (int head = 0; head < cols / dim; head++) {
        for (int i = 0; i < dim / 2; i++) {
          int a = t * cols + head * dim + i;
          int b = a + dim / 2;
          double cos = table[positions[t] * dim + i];
          double sin = table[positions[t] * dim + dim / 2 + i];
          y[a] = x[a] * cos - x[b] * sin;
          y[b] = x[b] * cos + x[a] * sin;
        }
      }
    }
    return y;
  }

  static double[] swiGlu(double[] gate, double[] up) {
    double[] y = new double[gate.length];
    for (int i = 0; i < y.length; i++) {
      y[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
    }
    return y;
  }

  static double logSumExp(double[] x, int from, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = from; i < from + count; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    for (int i = from; i < from + count; i++) {
      sum += Math.exp(x[i] - max);
    }
    return max + Math.log(sum);
  }

  /**
   * Attention with keys and values already gathered by path.
   *
   * @param paths of each run: the rows of keys and values, position by position
   * @param queries of each run; they are the last ones of its path
   * @param logSumExp (T, heads), written
   */
  static double[] attention(
      double[] q,
      double[] keys,
      double[] values,
      int[][] paths,
      int[] queries,
      int heads,
      int groups,
      int dim,
      double[] logSumExp) {
    double[] out = new double[q.length];
    int row = 0;
    for (int run = 0; run < paths.length; run++) {
      for (int i = 0; i < queries[run]; i++, row++) {
        int visible = paths[run].length - queries[run] + i + 1;
        for (int h = 0; h < heads; h++) {
          int g = h / (heads / groups);
          double[] scores = new double[visible];
          for (int p = 0; p < visible; p++) {
            for (int d = 0; d < dim; d++) {
              scores[p] += q[(row * heads + h) * dim + d]
                  * keys[(paths[run][p] * groups + g) * dim + d]
                  / Math.sqrt(dim);
            }
          }
          double sum = logSumExp(scores, 0, visible);
          logSumExp[row * heads + h] = sum;
          for (int p = 0; p < visible; p++) {
            for (int d = 0; d < dim; d++) {
              out[(row * heads + h) * dim + d] +=
                  Math.exp(scores[p] - sum) * values[(paths[run][p] * groups + g) * dim + d];
            }
          }
        }
      }
    }
    return out;
  }

  /** The gradient of a function by central differences; x is changed and changed back. */
  static double[] gradient(double[] x, ToDoubleFunction<double[]> function) {
    // The error of the difference is about step² |f'''|, that of rounding 1e-16 |f| / step.
    double step = 1e-5;
    double[] gradient = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double at = x[i];
      x[i] = at + step;
      double above = function.applyAsDouble(x);
      x[i] = at - step;
      double below = function.applyAsDouble(x);
      x[i] = at;
      gradient[i] = (above - below) / (2 * step);
    }
    return gradient;
  }
}
