package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * dX = alpha dY W + beta dX for few rows, where it would not pay to transpose W: the other way round, dXᵀ = Wᵀ dYᵀ. A panel of
 * W holds the rows of Wᵀ one by one as {@link Kernels#tileOfRows} wants its left side, and the few rows of dY are what lies in a
 * vector. Each element is the same chain of sums, over the outputs ascending, as in {@link Gemm}.
 */
final class InputGradient {
  private static final int TILE = Kernels.TILE_ROWS;
  /** The rows of one panel are filled up to a multiple of this: whole vectors. */
  private static final int LANES = 16;
  /** Outputs of dY transposed at once. */
  private static final int OUTPUTS_AT_ONCE = 512;

  /** Few, as a piece reads a stretch of each panel: a long one comes sooner from memory. */
  private static final int PIECES_PER_THREAD = 2;

  /** Of dY's rows, each as wide as a tile. */
  private static final int PANELS = 2;

  private static final int PANEL = 0;
  private static final int SUMS = 1;
  private static final int LINES = 2;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final Gemm gemm;
  private final int width;
  private final Scratch shared = new Scratch();

  InputGradient(Kernels kernels, CpuPool pool, Scratch[] scratch, Gemm gemm) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
    this.gemm = gemm;
    this.width = kernels.panelWidth();
  }

  /** How many rows are few: from about twice as many on, transposing W costs less than this tile's being slower. */
  int mostRows() {
    return PANELS * width;
  }

  /**
   * Computes dX.
   *
   * @param rows 1 to {@link #mostRows}
   * @param panels of W, the first at element {@code start}
   */
  void run(
      int rows,
      int outputs,
      int inputs,
      float alpha,
      Floats dy,
      Floats panels,
      int start,
      float beta,
      Floats dx) {
    int lanes = rows > width ? width : LANES;
    int stride = (rows + lanes - 1) / lanes * lanes;
    float[] dyT = transposed(dy, rows, outputs, stride);
    int tiles = (inputs + TILE - 1) / TILE;
    int pieces = gemm.pieces(
        (long) inputs * outputs * stride, Math.min(tiles, PIECES_PER_THREAD * pool.threads()));
    pool.run(pieces, (piece, thread) -> {
      int first = Cut.start(tiles, pieces, piece) * TILE;
      int count = Math.min(Cut.start(tiles, pieces, piece + 1) * TILE, inputs) - first;
      int padded = (count + TILE - 1) / TILE * TILE;
      Scratch own = scratch[thread];
      float[] panel = own.floats(PANEL, padded * width);
      float[] sums = own.floats(SUMS, padded * stride);
      Arrays.fill(sums, 0, padded * stride, 0f);
      for (int n = 0; n < outputs; n += width) {
        panels.load(start + n * inputs + first * width, panel, 0, count * width);
        int inner = Math.min(width, outputs - n);
        for (int i = 0; i < count; i += TILE) {
          for (int j = 0; j < rows; j += width) {
            kernels.tileOfRows(
                Math.min(TILE, count - i),
                Math.min(width, rows - j),
                panel,
                i * width,
                width,
                dyT,
                n * stride + j,
                stride,
                inner,
                sums,
                i * stride + j,
                stride);
          }
        }
      }
      float[] lines = own.floats(LINES, rows * padded);
      kernels.transpose(count, rows, sums, 0, stride, lines, 0, padded);
      kernels.write(
          rows, count, alpha, lines, 0, padded, beta, dx.bytes(), dx.byteOffset(first), inputs);
    });
  }

  /** (outputs, stride); columns from {@code rows} on are undefined. */
  private float[] transposed(Floats dy, int rows, int outputs, int stride) {
    float[] dyT = shared.floats(0, outputs * stride);
    int pieces = (outputs + OUTPUTS_AT_ONCE - 1) / OUTPUTS_AT_ONCE;
    pool.run(pieces, (piece, thread) -> {
      int first = piece * OUTPUTS_AT_ONCE;
      int count = Math.min(OUTPUTS_AT_ONCE, outputs - first);
      int apart = OUTPUTS_AT_ONCE + Scratch.ROWS_APART;
      float[] lines = scratch[thread].floats(LINES, rows * apart);
      for (int r = 0; r < rows; r++) {
        dy.load(r * outputs + first, lines, r * apart, count);
      }
      kernels.transpose(rows, count, lines, 0, apart, dyT, first * stride, stride);
    });
    return dyT;
  }
}
