package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;

/**
 * The innermost loops, single-threaded, over arrays in the cache. Each element of a result is made by the same arithmetic
 * in the same order wherever it lies, so results do not depend on how the work was cut.
 *
 * <p>Loops may work in whole vectors: arrays have room for the next multiple of 16 elements.
 */
interface Kernels {
  /** Rows that lie interleaved in a packed left-hand matrix, and rows of a tile. */
  int TILE_ROWS = 8;

  /** Partial sums of a kernel. */
  int MAX_LANES = 16;

  /** The instruction set, for people. */
  String description();

  /** Columns of a packed right-hand panel and of a tile: 16 or 32. */
  int panelWidth();

  /**
   * Adds a product to a tile: c[r][j] += sum over k of a[k][r] b[k][j], k ascending, one rounding each.
   *
   * @param rows how many of the tile's rows are wanted, 1 to {@link #TILE_ROWS}; the others become undefined
   * @param cols likewise how many columns, 1 to {@link #panelWidth}
   * @param a (inner, TILE_ROWS) at {@code aOffset}, rows {@code aStride} apart
   * @param b (inner, panelWidth) at {@code bOffset}, rows {@code bStride} apart
   * @param c (TILE_ROWS, panelWidth) at {@code cOffset}, rows {@code cStride} apart
   */
  void tile(
      int rows,
      int cols,
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      float[] c,
      int cOffset,
      int cStride);

  /**
   * The same with a left side that lies row by row: c[r][j] += sum over k of a[r][k] b[k][j]. Some 5 % slower, which is less
   * than it takes to pack a side that is used once.
   *
   * @param a (TILE_ROWS, inner) at {@code aOffset}, rows {@code aStride} apart
   */
  void tileOfRows(
      int rows,
      int cols,
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      float[] c,
      int cOffset,
      int cStride);

  /**
   * The first, with packed rows of a and b and the panel in native memory, for so few rows that copying it does not pay.
   */
  void tile(
      int rows,
      int cols,
      float[] a,
      int aOffset,
      ByteBuffer b,
      int bOffsetBytes,
      int inner,
      float[] c,
      int cOffset,
      int cStride);

  /** y = alpha c + beta y for {@code rows} rows of {@code cols} elements; beta is 0 or 1. Strides in elements. */
  void write(
      int rows,
      int cols,
      float alpha,
      float[] c,
      int cOffset,
      int cStride,
      float beta,
      ByteBuffer y,
      int yOffsetBytes,
      int yStride);

  /** to[j][i] = from[i][j] for i below rows, j below cols. */
  void transpose(
      int rows,
      int cols,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] to,
      int toOffset,
      int toStride);

  /** The largest element; NaN if one is. n is at least 1. */
  float max(float[] x, int offset, int n);

  /**
   * x = exp(x - shift) for n elements; relative error about 2e-7, results below 2^-127 are 0. For x - shift up to 80. The
   * elements up to the next multiple of 16 are overwritten with 0.
   *
   * @param sums {@link #MAX_LANES} partial sums at {@code sumsOffset}, to which the results are added; {@link #total} adds
   *     them up
   */
  void expShifted(float[] x, int offset, int n, float shift, float[] sums, int sumsOffset);

  /** The sum of {@link #MAX_LANES} partial sums, in a fixed order; they are overwritten. */
  static float total(float[] sums, int offset) {
    for (int half = MAX_LANES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        sums[offset + i] += sums[offset + half + i];
      }
    }
    return sums[offset];
  }

  /** out = 1 / (1 + exp(-z)); for z below -80 perhaps no less than at -80. */
  void sigmoid(float[] z, float[] out, int n);

  /** The sum of x y, in float32. The elements up to the next multiple of 16 are overwritten with 0. */
  float dot(float[] x, int xOffset, float[] y, int yOffset, int n);
}
