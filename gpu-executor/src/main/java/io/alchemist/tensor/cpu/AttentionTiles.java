package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * The pieces that attention and its gradient are made of, for one key/value head g. The query heads of one group stand
 * together: row {@code m} of a block is query {@code m / ratio} and head {@code g * ratio + m % ratio}, so keys and values are
 * read once for all of them. Key blocks begin at multiples of {@link #KEYS}, whatever the batch looks like.
 *
 * <p>All matrices lie row by row: queries, keys and values with rows of {@link #paddedDim}, scores with rows of KEYS.
 */
final class AttentionTiles {
  /** Positions of a key block. */
  static final int KEYS = 64;
  /** Rows whose scores for a key block are worked on at once, so that they stay in the cache. */
  static final int ROWS_AT_ONCE = 256;

  private static final int ROWS = Kernels.TILE_ROWS;

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

  /**
   * Rows of a query block and what they see of a key block (the causal mask): row m sees its keys below {@code seen + m /
   * ratio}. Tiles that see nothing are left out.
   *
   * @param first row that has scores, a multiple of TILE_ROWS
   * @param from first row that sees any key
   * @param to end of the rows
   */
  record Rows(int first, int from, int to, int seen, int ratio) {
    /** Rows {@code first} to {@code to} of a query block whose first query stands at {@code start - block} of a key block. */
    static Rows of(int first, int to, int start, int block, int ratio) {
      int seen = start + 1 - block;
      return new Rows(first, Math.max(first, (1 - seen) * ratio), to, seen, ratio);
    }

    /** How many keys row m sees; none if not positive. */
    int visible(int m) {
      return Math.min(KEYS, seen + m / ratio);
    }

    /** The first row that sees a key. */
    int firstSeeing(int key) {
      return Math.max(from, (key + 1 - seen) * ratio);
    }

    /** Where the scores of row m lie. */
    int scores(int m) {
      return (m - first) * KEYS;
    }

    int firstTile() {
      return from / ROWS * ROWS;
    }
  }

  int ratio() {
    return heads / groups;
  }

  int headDim() {
    return headDim;
  }

  /** Queries that make {@code rows} rows, or the nearest number that the ratio allows. */
  int queries(int rows) {
    return Math.max(1, rows / ratio());
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
    int together = rowsTogether();
    for (int m = 0; m < rows; m += together) {
      from.load(queryOffset(firstQuery, group, m), to, m * dim, together * headDim);
    }
    if (scale != 1) {
      scale(to, rows * dim, scale);
    }
  }

  /** The reverse: rows of a query block to a (T, H · D) tensor. */
  void storeQueries(float[] from, int firstQuery, int group, int rows, Floats to) {
    int dim = paddedDim();
    int together = rowsTogether();
    for (int m = 0; m < rows; m += together) {
      to.store(queryOffset(firstQuery, group, m), from, m * dim, together * headDim);
    }
  }

  /** Rows that lie together in a tensor and in a block alike: the heads of a query, without padding. */
  private int rowsTogether() {
    return paddedDim() == headDim ? ratio() : 1;
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

  /** Keys or values (KEYS, paddedDim) as (headDim, KEYS). */
  void transpose(float[] from, float[] to) {
    kernels.transpose(KEYS, headDim, from, 0, paddedDim(), to, 0, KEYS);
  }

  /**
   * s = q kᵀ where the row sees the key; undefined where it does not, but 0 in rows that see no key and share a tile with
   * one that does.
   *
   * @param q the rows of the query block
   * @param keysT (headDim, KEYS)
   */
  void scores(Rows rows, float[] q, float[] keysT, float[] s) {
    int dim = paddedDim();
    for (int m = rows.firstTile(); m < rows.to; m += ROWS) {
      int end = Math.min(m + ROWS, rows.to);
      int at = rows.scores(m);
      int visible = rows.visible(end - 1);
      Arrays.fill(s, at, at + ROWS * KEYS, 0f);
      for (int j = 0; j < visible; j += width) {
        kernels.tileOfRows(
            end - m, width, q, m * dim, dim, keysT, j, KEYS, headDim, s, at + j, KEYS);
      }
    }
    if (rows.firstTile() < rows.from) {
      Arrays.fill(s, rows.scores(rows.firstTile()), rows.scores(rows.from), 0f);
    }
  }

  /**
   * out += p v: each row's sum of the keys or values that it sees.
   *
   * @param p 0 where the row does not see the key
   * @param out the rows of the query block
   */
  void addKeys(Rows rows, float[] p, float[] v, float[] out) {
    int dim = paddedDim();
    for (int m = rows.firstTile(); m < rows.to; m += ROWS) {
      int end = Math.min(m + ROWS, rows.to);
      int visible = rows.visible(end - 1);
      for (int d = 0; d < dim; d += width) {
        kernels.tileOfRows(
            end - m, width, p, rows.scores(m), KEYS, v, d, dim, visible, out, m * dim + d, dim);
      }
    }
  }

  /**
   * out (KEYS, paddedDim) += pᵀ q: each key's sum of the rows that see it.
   *
   * @param p 0 where the row does not see the key
   * @param q the rows of the query block
   */
  void addRows(Rows rows, float[] p, float[] q, float[] out) {
    int dim = paddedDim();
    for (int j = 0; j < KEYS; j += ROWS) {
      int m = rows.firstSeeing(j);
      int count = Math.max(0, rows.to - m);
      for (int d = 0; d < dim; d += width) {
        kernels.tile(
            ROWS,
            width,
            p,
            rows.scores(m) + j,
            KEYS,
            q,
            m * dim + d,
            dim,
            count,
            out,
            j * dim + d,
            dim);
      }
    }
  }
}
