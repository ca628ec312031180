package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * Causal attention of one query block of one run and one key/value head, over its key blocks with an online softmax:
 * running maximum m, sum l and output o of a row are corrected by exp(m_old - m_new) at each block (Milakov and Gimelshein
 * 2018, arXiv 1805.02867).
 */
final class Attention {
  private static final int KEYS = AttentionTiles.KEYS;
  private static final int LANES = Kernels.MAX_LANES;

  private final Kernels kernels;
  private final AttentionTiles tiles;
  private final Runs runs;

  Attention(Kernels kernels, AttentionTiles tiles, Runs runs) {
    this.kernels = kernels;
    this.tiles = tiles;
    this.runs = runs;
  }

  /**
   * @param first query of the run
   * @param queries of the block
   * @param heads H, for the layout of logSumExp
   */
  void run(
      int run,
      int group,
      int first,
      int queries,
      int heads,
      Floats q,
      Floats keys,
      Floats values,
      Floats out,
      Floats logSumExp,
      Scratch scratch) {
    int headDim = tiles.headDim();
    int dim = tiles.paddedDim();
    int ratio = tiles.ratio();
    int rows = queries * ratio;
    int padded = AttentionTiles.padded(rows);
    int firstQuery = runs.firstQuery(run) + first;
    // Row m sees positions below start + m / ratio + 1.
    int start = runs.context(run) + first;

    float[] rawQ = scratch.floats(0, padded * dim);
    float[] packedQ = scratch.floats(1, padded * headDim);
    float[] raw = scratch.floats(2, KEYS * dim);
    float[] packedK = scratch.floats(3, KEYS * headDim);
    float[] packedV = scratch.floats(4, KEYS * dim);
    float[] s = scratch.floats(5, padded * KEYS);
    float[] packedP = scratch.floats(6, padded * KEYS);
    float[] o = scratch.floats(7, padded * dim);
    float[] m = scratch.floats(8, padded);
    // l, in partial sums
    float[] l = scratch.floats(9, padded * LANES);
    tiles.loadQueries(q, firstQuery, group, rows, (float) (1 / Math.sqrt(headDim)), rawQ);
    tiles.packLeft(rawQ, rows, headDim, dim, packedQ);
    Arrays.fill(o, 0, padded * dim, 0f);
    Arrays.fill(m, 0, padded, Float.NEGATIVE_INFINITY);
    Arrays.fill(l, 0, padded * LANES, 0f);

    for (int block = 0; block < start + queries; block += KEYS) {
      int count = Math.min(KEYS, start + queries - block);
      tiles.loadKeys(keys, run, group, block, count, raw);
      tiles.packRightTransposed(raw, packedK);
      tiles.loadKeys(values, run, group, block, count, raw);
      tiles.packRight(raw, KEYS, packedV);
      // The first row that sees anything of this block.
      int fromRow = Math.max(0, block - start) * ratio;
      int fromTile = fromRow / AttentionTiles.ROWS * AttentionTiles.ROWS;
      Arrays.fill(s, 0, padded * KEYS, 0f);
      tiles.multiply(fromRow, rows, headDim, KEYS, packedQ, packedK, s);
      Arrays.fill(s, fromTile * KEYS, fromRow * KEYS, 0f);
      for (int r = fromRow; r < rows; r++) {
        int visible = Math.min(KEYS, start + r / ratio + 1 - block);
        softmax(s, r * KEYS, visible, r, m, l, o, dim);
      }
      Arrays.fill(s, rows * KEYS, padded * KEYS, 0f);
      for (int t = fromTile; t < rows; t += AttentionTiles.ROWS) {
        kernels.transpose(
            AttentionTiles.ROWS, KEYS, s, t * KEYS, KEYS, packedP, t * KEYS, AttentionTiles.ROWS);
      }
      tiles.multiply(fromRow, rows, KEYS, dim, packedP, packedV, o);
    }

    for (int r = 0; r < rows; r++) {
      float sum = Kernels.total(l, r * LANES);
      scale(o, r * dim, headDim, 1 / sum);
      int to = tiles.queryOffset(firstQuery, group, r);
      out.store(to, o, r * dim, headDim);
      int head = group * ratio + r % ratio;
      logSumExp.set((firstQuery + r / ratio) * heads + head, (float) (m[r] + Math.log(sum)));
    }
  }

  /** Turns the scores of row r into exp(score - m), those not visible into 0, and corrects what the row had so far. */
  private void softmax(
      float[] s, int offset, int visible, int r, float[] m, float[] l, float[] o, int dim) {
    float max = Math.max(m[r], kernels.max(s, offset, visible));
    if (m[r] != max) {
      float correction = Exp.exp(m[r] - max);
      scale(l, r * LANES, LANES, correction);
      scale(o, r * dim, dim, correction);
      m[r] = max;
    }
    kernels.expShifted(s, offset, visible, max, l, r * LANES);
    if (visible < KEYS) {
      Arrays.fill(s, offset + visible, offset + KEYS, 0f);
    }
  }

  private static void scale(float[] x, int offset, int n, float factor) {
    for (int i = offset; i < offset + n; i++) {
      x[i] *= factor;
    }
  }
}
