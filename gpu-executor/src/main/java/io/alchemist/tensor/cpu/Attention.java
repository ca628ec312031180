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
    int start = runs.context(run) + first;

    float[] rowsQ = scratch.floats(0, padded * dim);
    float[] raw = scratch.floats(1, KEYS * dim);
    float[] keysT = scratch.floats(2, KEYS * headDim);
    float[] s = scratch.floats(3, padded * KEYS);
    float[] o = scratch.floats(4, padded * dim);
    float[] m = scratch.floats(5, padded);
    // l, in partial sums
    float[] l = scratch.floats(6, padded * LANES);
    tiles.loadQueries(q, firstQuery, group, rows, (float) (1 / Math.sqrt(headDim)), rowsQ);
    Arrays.fill(o, 0, padded * dim, 0f);
    Arrays.fill(m, 0, padded, Float.NEGATIVE_INFINITY);
    Arrays.fill(l, 0, padded * LANES, 0f);

    for (int block = 0; block < start + queries; block += KEYS) {
      int count = Math.min(KEYS, start + queries - block);
      AttentionTiles.Rows seeing = AttentionTiles.Rows.of(0, rows, start, block, ratio);
      tiles.loadKeys(keys, run, group, block, count, raw);
      tiles.transpose(raw, keysT);
      tiles.scores(seeing, rowsQ, keysT, s);
      for (int r = seeing.from(); r < rows; r++) {
        softmax(s, seeing.scores(r), seeing.visible(r), r, m, l, o, dim);
      }
      tiles.loadKeys(values, run, group, block, count, raw);
      tiles.addKeys(seeing, s, raw, o);
    }

    for (int r = 0; r < rows; r++) {
      float sum = Kernels.total(l, r * LANES);
      scale(o, r * dim, headDim, 1 / sum);
      int head = group * ratio + r % ratio;
      logSumExp.set((firstQuery + r / ratio) * heads + head, (float) (m[r] + Math.log(sum)));
    }
    tiles.storeQueries(o, firstQuery, group, rows, out);
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
