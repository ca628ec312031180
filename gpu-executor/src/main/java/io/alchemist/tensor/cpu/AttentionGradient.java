package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * The gradient of {@link Attention} for one query block of one run and one key/value head. The probabilities come back as
 * p = exp(s - logSumExp); with delta = sum(dOut · out) of a row, ds = p (dOut vᵀ - delta), dQ = ds k / sqrt(D), dK = dsᵀ q /
 * sqrt(D), dV = pᵀ dOut.
 */
final class AttentionGradient {
  private static final int KEYS = AttentionTiles.KEYS;
  /** Rows of a query block, or a little fewer: each key is loaded, and its gradient stored, once for so many. */
  static final int ROWS = 2048;

  private static final int ROWS_AT_ONCE = AttentionTiles.ROWS_AT_ONCE;

  private final Kernels kernels;
  private final AttentionTiles tiles;
  private final Runs runs;

  AttentionGradient(Kernels kernels, AttentionTiles tiles, Runs runs) {
    this.kernels = kernels;
    this.tiles = tiles;
    this.runs = runs;
  }

  /** The tensors of a call, as in {@link io.alchemist.tensor.Ops#attentionGradient}. */
  record Tensors(
      Floats q,
      Floats keys,
      Floats values,
      Floats out,
      Floats logSumExp,
      Floats dOut,
      Floats dQ,
      Floats dKeys,
      Floats dValues) {}

  void run(
      int run,
      int group,
      int first,
      int queries,
      int heads,
      int groups,
      Tensors t,
      Scratch scratch) {
    int headDim = tiles.headDim();
    int dim = tiles.paddedDim();
    int ratio = tiles.ratio();
    int rows = queries * ratio;
    int padded = AttentionTiles.padded(rows);
    int firstQuery = runs.firstQuery(run) + first;
    int start = runs.context(run) + first;
    float scale = (float) (1 / Math.sqrt(headDim));

    float[] q = scratch.floats(0, padded * dim);
    float[] dOut = scratch.floats(1, padded * dim);
    float[] dQ = scratch.floats(2, padded * dim);
    float[] delta = scratch.floats(3, padded);
    float[] keys = scratch.floats(4, KEYS * dim);
    float[] values = scratch.floats(5, KEYS * dim);
    float[] keysT = scratch.floats(6, KEYS * headDim);
    float[] valuesT = scratch.floats(7, KEYS * headDim);
    float[] dKeys = scratch.floats(8, KEYS * dim);
    float[] dValues = scratch.floats(9, KEYS * dim);
    float[] p = scratch.floats(10, ROWS_AT_ONCE * KEYS);
    float[] ds = scratch.floats(11, ROWS_AT_ONCE * KEYS);
    float[] unused = scratch.floats(12, Kernels.MAX_LANES);

    // The scale is in q, so dK has it too; dQ gets it at the end.
    tiles.loadQueries(t.q, firstQuery, group, rows, scale, q);
    tiles.loadQueries(t.dOut, firstQuery, group, rows, 1, dOut);
    float[] out = dQ;
    tiles.loadQueries(t.out, firstQuery, group, rows, 1, out);
    for (int r = 0; r < rows; r++) {
      delta[r] = kernels.dot(dOut, r * dim, out, r * dim, dim);
    }
    Arrays.fill(dQ, 0, padded * dim, 0f);

    for (int block = 0; block < start + queries; block += KEYS) {
      int count = Math.min(KEYS, start + queries - block);
      tiles.loadKeys(t.keys, run, group, block, count, keys);
      tiles.transpose(keys, keysT);
      tiles.loadKeys(t.values, run, group, block, count, values);
      tiles.transpose(values, valuesT);
      Arrays.fill(dKeys, 0, KEYS * dim, 0f);
      Arrays.fill(dValues, 0, KEYS * dim, 0f);
      int fromRow = Math.max(0, block - start) * ratio;
      for (int m = fromRow / ROWS_AT_ONCE * ROWS_AT_ONCE; m < rows; m += ROWS_AT_ONCE) {
        int end = Math.min(m + ROWS_AT_ONCE, rows);
        AttentionTiles.Rows seeing = AttentionTiles.Rows.of(m, end, start, block, ratio);
        tiles.scores(seeing, q, keysT, p);
        tiles.scores(seeing, dOut, valuesT, ds);
        for (int r = seeing.from(); r < end; r++) {
          int visible = seeing.visible(r);
          int at = seeing.scores(r);
          int head = group * ratio + r % ratio;
          float shift = t.logSumExp.at((firstQuery + r / ratio) * heads + head);
          kernels.expShifted(p, at, visible, shift, unused, 0);
          scoreGradient(p, ds, at, visible, delta[r]);
          if (visible < KEYS) {
            Arrays.fill(p, at + visible, at + KEYS, 0f);
            Arrays.fill(ds, at + visible, at + KEYS, 0f);
          }
        }
        tiles.addKeys(seeing, ds, keys, dQ);
        tiles.addRows(seeing, ds, q, dKeys);
        tiles.addRows(seeing, p, dOut, dValues);
      }
      accumulate(run, group, groups, block, count, dKeys, t.dKeys);
      accumulate(run, group, groups, block, count, dValues, t.dValues);
    }

    AttentionTiles.scale(dQ, rows * dim, scale);
    tiles.storeQueries(dQ, firstQuery, group, rows, t.dQ);
  }

  /** ds = p (ds - delta), n elements. */
  private static void scoreGradient(float[] p, float[] ds, int offset, int n, float delta) {
    for (int i = offset; i < offset + n; i++) {
      ds[i] = p[i] * (ds[i] - delta);
    }
  }

  private void accumulate(
      int run, int group, int groups, int first, int count, float[] d, Floats to) {
    int headDim = tiles.headDim();
    int dim = tiles.paddedDim();
    for (int j = 0; j < count; j++) {
      int at = to.byteOffset((runs.keyRow(run, first + j) * groups + group) * headDim);
      kernels.write(1, headDim, 1, d, j * dim, dim, 1, to.bytes(), at, headDim);
    }
  }
}
