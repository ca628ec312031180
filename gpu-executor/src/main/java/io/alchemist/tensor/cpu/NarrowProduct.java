package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * Y = alpha X B + beta Y where B has one panel at most, as the rank of an adapter: X is used once, so packing it would take as
 * long as the product. Each element is the same chain of sums as in {@link Gemm}.
 */
final class NarrowProduct {
  private static final int ROWS = Kernels.TILE_ROWS;
  /** Columns of X worked on at once: a tile of so many stays in the first-level cache. */
  private static final int INNER_BLOCK = 512;

  private static final int PANEL = 0;
  private static final int SUMS = 1;
  private static final int LINES = 3;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final Gemm gemm;

  NarrowProduct(Kernels kernels, CpuPool pool, Scratch[] scratch, Gemm gemm) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
    this.gemm = gemm;
  }

  /** X has {@code rows} times {@code inner} elements, Y {@code rows} times {@code cols}, at most a panel; both without gaps. */
  void run(
      int rows,
      int inner,
      int cols,
      Floats x,
      Gemm.Right right,
      float alpha,
      float beta,
      Floats y) {
    if (cols == 0) {
      return;
    }
    int width = kernels.panelWidth();
    int tiles = (rows + ROWS - 1) / ROWS;
    int pieces = gemm.pieces((long) rows * inner * width, tiles);
    pool.run(pieces, (piece, thread) -> {
      int first = Cut.start(tiles, pieces, piece) * ROWS;
      int end = Math.min(Cut.start(tiles, pieces, piece + 1) * ROWS, rows);
      int padded = (end - first + ROWS - 1) / ROWS * ROWS;
      Scratch own = scratch[thread];
      float[] panel = own.floats(PANEL, Math.min(inner, INNER_BLOCK) * width);
      float[] lines = own.floats(LINES, ROWS * (INNER_BLOCK + Scratch.ROWS_APART));
      float[] sums = own.floats(SUMS, padded * width);
      Arrays.fill(sums, 0, padded * width, 0f);
      for (int k = 0; k < inner; k += INNER_BLOCK) {
        int block = Math.min(INNER_BLOCK, inner - k);
        int stride = block + Scratch.ROWS_APART;
        right.load(0, k, block, panel, 0, own);
        for (int row = first; row < end; row += ROWS) {
          int count = Math.min(ROWS, end - row);
          for (int r = 0; r < count; r++) {
            x.load((row + r) * inner + k, lines, r * stride, block);
          }
          int at = (row - first) * width;
          kernels.tileOfRows(
              count, cols, lines, 0, stride, panel, 0, width, block, sums, at, width);
        }
      }
      kernels.write(
          end - first,
          cols,
          alpha,
          sums,
          0,
          width,
          beta,
          y.bytes(),
          y.byteOffset(first * cols),
          cols);
    });
  }
}
