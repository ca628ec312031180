package io.alchemist.tensor.cpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Some rows of a packed left matrix times some panels of the right one, for {@link Gemm}: the panels are brought into the
 * cache, and each tile of rows meets all of them, so that Y is written in stretches long enough for the memory.
 */
final class PanelProduct {
  private static final int ROWS = Kernels.TILE_ROWS;
  /** Rows of a panel worked on at once. */
  private static final int INNER_BLOCK = 1536;
  /** Elements of the panels that stay in the second-level cache with a tile of A. */
  private static final int CACHED = 1 << 17;

  private static final int MOST_PANELS = 16;
  private static final int PANELS = 0;
  private static final int TILES = 1;

  private final Kernels kernels;
  private final int width;
  private final int inner;
  private final int cols;
  private final float[] a;
  private final Gemm.Right right;
  private final Gemm.@Nullable Streamed streamed;
  private final float alpha;
  private final float beta;
  private final Floats y;
  private final int firstRow;

  /**
   * @param cols of Y
   * @param a tiles (inner, TILE_ROWS)
   * @param streamed where to read the panels in place, or null
   * @param firstRow row of Y of the first row of a
   */
  PanelProduct(
      Kernels kernels,
      int inner,
      int cols,
      float[] a,
      Gemm.Right right,
      Gemm.@Nullable Streamed streamed,
      float alpha,
      float beta,
      Floats y,
      int firstRow) {
    this.kernels = kernels;
    this.width = kernels.panelWidth();
    this.inner = inner;
    this.cols = cols;
    this.a = a;
    this.right = right;
    this.streamed = streamed;
    this.alpha = alpha;
    this.beta = beta;
    this.y = y;
    this.firstRow = firstRow;
  }

  /** As many panels as stay in the cache. */
  int panelsAtOnce() {
    int panelSize = Math.max(1, Math.min(inner, INNER_BLOCK)) * width;
    return Math.max(1, Math.min(MOST_PANELS, CACHED / panelSize));
  }

  /** Rows {@code row} to {@code row + rows}, which begin with a tile, times {@code count} panels. */
  void run(int panel, int count, int row, int rows, Scratch own) {
    int stride = count * width;
    // With one block of k a tile is done at once; else the sums of all rows wait for the next.
    boolean oneBlock = inner <= INNER_BLOCK;
    int waiting = oneBlock ? ROWS : (rows + ROWS - 1) / ROWS * ROWS;
    float[] c = own.floats(TILES, waiting * stride);
    float[] b = own.floats(PANELS, streamed != null ? 0 : stride * Math.min(inner, INNER_BLOCK));
    int k = 0;
    do {
      int block = Math.min(INNER_BLOCK, inner - k);
      load(panel, count, k, block, b, own);
      for (int r = 0; r < rows; r += ROWS) {
        int at = oneBlock ? 0 : r * stride;
        if (k == 0) {
          Arrays.fill(c, at, at + ROWS * stride, 0f);
        }
        int tileRows = Math.min(ROWS, rows - r);
        multiply(panel, count, row + r, tileRows, k, block, b, c, at);
        if (k + block == inner) {
          write(panel, count, row + r, tileRows, c, at);
        }
      }
      k += block;
    } while (k < inner);
  }

  private void load(int panel, int count, int k, int block, float[] b, Scratch own) {
    if (streamed == null) {
      for (int p = 0; p < count; p++) {
        right.load(panel + p, k, block, b, p * block * width, own);
      }
    }
  }

  private void multiply(
      int panel, int count, int row, int rows, int k, int block, float[] b, float[] c, int at) {
    int from = row * inner + k * ROWS;
    int stride = count * width;
    for (int p = 0; p < count; p++) {
      int to = at + p * width;
      int wanted = Math.min(width, cols - (panel + p) * width);
      if (streamed == null) {
        kernels.tile(
            rows, wanted, a, from, ROWS, b, p * block * width, width, block, c, to, stride);
      } else {
        int offset = streamed.offsetBytes() + ((panel + p) * inner + k) * width * Float.BYTES;
        kernels.tile(rows, wanted, a, from, streamed.bytes(), offset, block, c, to, stride);
      }
    }
  }

  private void write(int panel, int count, int row, int rows, float[] c, int at) {
    int col = panel * width;
    int present = Math.min(count * width, cols - col);
    int to = y.byteOffset((firstRow + row) * cols + col);
    kernels.write(rows, present, alpha, c, at, count * width, beta, y.bytes(), to, cols);
  }
}
