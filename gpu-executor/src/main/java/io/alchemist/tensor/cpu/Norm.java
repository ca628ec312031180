package io.alchemist.tensor.cpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** RMSNorm and RoPE, row by row. */
final class Norm {
  private static final int ROWS_PER_PIECE = 16;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final Scratch shared = new Scratch();

  Norm(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
  }

  private static int pieces(int rows) {
    return (rows + ROWS_PER_PIECE - 1) / ROWS_PER_PIECE;
  }

  void rmsNorm(int rows, int cols, Floats x, Floats gain, float epsilon, Floats y) {
    pool.run(pieces(rows), (piece, thread) -> {
      float[] g = scratch[thread].floats(0, cols);
      float[] row = scratch[thread].floats(1, cols);
      gain.load(0, g, 0, cols);
      int end = Math.min(rows, (piece + 1) * ROWS_PER_PIECE);
      for (int t = piece * ROWS_PER_PIECE; t < end; t++) {
        x.load(t * cols, row, 0, cols);
        float scale = inverseRms(row, cols, epsilon);
        for (int i = 0; i < cols; i++) {
          row[i] = row[i] * scale * g[i];
        }
        y.store(t * cols, row, 0, cols);
      }
    });
  }

  private float inverseRms(float[] row, int cols, float epsilon) {
    return (float) (1 / Math.sqrt(kernels.dot(row, 0, row, 0, cols) / cols + epsilon));
  }

  /**
   * With r = 1 / rms and n = x r: dx += r (gain dy - n mean(gain dy n)), dGain += sum over rows of dy n. The sum over rows is
   * kept per piece and added in their order, so it doesn't depend on the threads.
   */
  void rmsNormGradient(
      int rows,
      int cols,
      Floats x,
      Floats gain,
      float epsilon,
      Floats dy,
      Floats dx,
      @Nullable Floats dGain) {
    int pieces = pieces(rows);
    float[] partial = shared.floats(0, dGain == null ? 0 : pieces * cols);
    pool.run(pieces, (piece, thread) -> {
      Scratch own = scratch[thread];
      float[] g = own.floats(0, cols);
      float[] row = own.floats(1, cols);
      float[] d = own.floats(2, cols);
      float[] sum = own.floats(3, cols);
      float[] gd = own.floats(4, cols);
      gain.load(0, g, 0, cols);
      if (dGain != null) {
        Arrays.fill(partial, piece * cols, (piece + 1) * cols, 0f);
      }
      int end = Math.min(rows, (piece + 1) * ROWS_PER_PIECE);
      for (int t = piece * ROWS_PER_PIECE; t < end; t++) {
        x.load(t * cols, row, 0, cols);
        dy.load(t * cols, d, 0, cols);
        dx.load(t * cols, sum, 0, cols);
        float scale = inverseRms(row, cols, epsilon);
        for (int i = 0; i < cols; i++) {
          row[i] *= scale;
          gd[i] = g[i] * d[i];
        }
        float mean = kernels.dot(gd, 0, row, 0, cols) / cols;
        for (int i = 0; i < cols; i++) {
          sum[i] += scale * (gd[i] - row[i] * mean);
        }
        dx.store(t * cols, sum, 0, cols);
        if (dGain != null) {
          int at = piece * cols;
          for (int i = 0; i < cols; i++) {
            partial[at + i] += d[i] * row[i];
          }
        }
      }
    });
    if (dGain != null) {
      float[] sum = scratch[0].floats(0, cols);
      dGain.load(0, sum, 0, cols);
      for (int piece = 0; piece < pieces; piece++) {
        for (int i = 0; i < cols; i++) {
          sum[i] += partial[piece * cols + i];
        }
      }
      dGain.store(0, sum, 0, cols);
    }
  }

  /** @param direction 1 turns forward, -1 back */
  void rope(
      int rows,
      int cols,
      Floats x,
      Ints positions,
      Floats table,
      int size,
      int dim,
      float direction) {
    int half = dim / 2;
    pool.run(pieces(rows), (piece, thread) -> {
      float[] row = scratch[thread].floats(0, cols);
      float[] turn = scratch[thread].floats(1, dim);
      int end = Math.min(rows, (piece + 1) * ROWS_PER_PIECE);
      for (int t = piece * ROWS_PER_PIECE; t < end; t++) {
        int position = Checks.index(positions.at(t), size, "rope", "positions");
        table.load(position * dim, turn, 0, dim);
        x.load(t * cols, row, 0, cols);
        for (int head = 0; head < cols; head += dim) {
          for (int i = 0; i < half; i++) {
            float a = row[head + i];
            float b = row[head + half + i];
            float sin = direction * turn[half + i];
            row[head + i] = a * turn[i] - b * sin;
            row[head + half + i] = b * turn[i] + a * sin;
          }
        }
        x.store(t * cols, row, 0, cols);
      }
    });
  }
}
