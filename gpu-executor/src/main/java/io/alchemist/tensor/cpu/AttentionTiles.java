package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * The pieces that attention and its gradient are made of, for one key/value head g. The query heads of one group stand
 * together: row {@code m} of a block is query {@code m / ratio} and head {@code g * ratio + m % ratio}, so keys and values are
 * read once for all of them. Key blocks begin at multiples of {@link #KEYS}, whatever the batch looks like.
 */
final class AttentionTiles {
  /** Positions of a key block. */
  static final int KEYS = 64;
  /** Rows of a query block, or a little more where the ratio does not divide it. */
  static final int QUERY_ROWS = 256;

  static final int ROWS = Kernels.TILE_ROWS;

  private final Kernels kernels;
  private final Runs runs;
  private final int headDim;
  private final int heads;
  private final int groups;
  private final int width;

  AttentionTiles(Kernels kernels, Runs runs, int headDim, int heads, int groups) {
    this.kernels = kernels;
    this.runs = runs;
    this.headDim = headDim;
    this.heads = heads;
    this.groups = groups;
    this.width = kernels.panelWidth();
  }

  int ratio() {
    return heads / groups;
  }

  int headDim() {
    return headDim;
  }

  /** Queries of a block. */
  int queriesPerBlock() {
    return Math.max(1, QUERY_ROWS / ratio());
  }

  /** D rounded up to whole panels. */
  int paddedDim() {
    return (headDim + width - 1) / width * width;
  }

  /** Rows rounded up to whole tiles. */
  static int padded(int rows) {
    return (rows + ROWS - 1) / ROWS * ROWS;
  }

  /** Where the elements of block row m lie in a (T, H · D) tensor. */
  int queryOffset(int firstQuery, int group, int m) {
    return ((firstQuery + m / ratio()) * heads + group * ratio() + m % ratio()) * headDim;
  }

  /** Rows of a (T, H · D) tensor, times scale: (rows, paddedDim), the rest 0. */
  void loadQueries(Floats from, int firstQuery, int group, int rows, float scale, float[] to) {
    int dim = paddedDim();
    int padded = padded(rows) * dim;
    if (dim > headDim) {
      Arrays.fill(to, 0, padded, 0f);
    } else {
      Arrays.fill(to, rows * dim, padded, 0f);
    }
    for (int m = 0; m < rows; m++) {
      from.load(queryOffset(firstQuery, group, m), to, m * dim, headDim);
    }
    if (scale != 1) {
      scale(to, rows * dim, scale);
    }
  }

  /** x *= scale for n elements. */
  static void scale(float[] x, int n, float scale) {
    for (int i = 0; i < n; i++) {
      x[i] *= scale;
    }
  }

  /** Keys or values of {@code count} positions from {@code first}: (KEYS, paddedDim), the rest 0. */
  void loadKeys(Floats from, int run, int group, int first, int count, float[] to) {
    int dim = paddedDim();
    if (count < KEYS || dim > headDim) {
      Arrays.fill(to, 0, KEYS * dim, 0f);
    }
    for (int j = 0; j < count; j++) {
      from.load((runs.slot(run, first + j) * groups + group) * headDim, to, j * dim, headDim);
    }
  }

  /** The left side of a product: rows (padded, cols) eight by eight as (cols, TILE_ROWS). */
  void packLeft(float[] from, int rows, int cols, int stride, float[] to) {
    for (int m = 0; m < rows; m += ROWS) {
      kernels.transpose(ROWS, cols, from, m * stride, stride, to, m * cols, ROWS);
    }
  }

  /** The left side of a product with the transpose of (rows, cols): columns eight by eight as (rows, TILE_ROWS). */
  void packLeftTransposed(float[] from, int rows, int cols, float[] to) {
    for (int c = 0; c < cols; c += ROWS) {
      for (int m = 0; m < rows; m++) {
        copy8(from, m * cols + c, to, c * rows + m * ROWS);
      }
    }
  }

  /** Written out: a call of arraycopy takes longer than the copy. */
  private static void copy8(float[] from, int at, float[] to, int toOffset) {
    to[toOffset] = from[at];
    to[toOffset + 1] = from[at + 1];
    to[toOffset + 2] = from[at + 2];
    to[toOffset + 3] = from[at + 3];
    to[toOffset + 4] = from[at + 4];
    to[toOffset + 5] = from[at + 5];
    to[toOffset + 6] = from[at + 6];
    to[toOffset + 7] = from[at + 7];
  }

  /** The right side of a product: (rows, paddedDim) as panels (rows, panelWidth). */
  void packRight(float[] from, int rows, float[] to) {
    int dim = paddedDim();
    for (int d = 0; d < dim; d += width) {
      for (int j = 0; j < rows; j++) {
        System.arraycopy(from, j * dim + d, to, d * rows + j * width, width);
      }
    }
  }

  /** The right side of a product with the transpose of (KEYS, paddedDim): panels (headDim, panelWidth) of keys. */
  void packRightTransposed(float[] from, float[] to) {
    for (int j = 0; j < KEYS; j += width) {
      kernels.transpose(width, headDim, from, j * paddedDim(), paddedDim(), to, j * headDim, width);
    }
  }

  /** c += a b over packed sides: c (padded rows, cols), inner sums of {@code inner}; rows of c below {@code fromRow} stay. */
  void multiply(int fromRow, int rows, int inner, int cols, float[] a, float[] b, float[] c) {
    for (int m = fromRow / ROWS * ROWS; m < rows; m += ROWS) {
      int tileRows = Math.min(ROWS, rows - m);
      for (int p = 0; p < cols; p += width) {
        kernels.tile(tileRows, width, a, m * inner, b, p * inner, inner, c, m * cols + p, cols);
      }
    }
  }
}
