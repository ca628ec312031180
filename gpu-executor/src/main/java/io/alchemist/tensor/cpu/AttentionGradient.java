package io.alchemist.tensor.cpu;

import java.util.Arrays;

/**
 * The gradient of {@link Attention} for one query block of one run and one key/value head. The probabilities come back as
 * p = exp(s - logSumExp); with delta = sum(dOut · out) of a row, ds = p (dOut vᵀ - delta), dQ = ds k / sqrt(D), dK = dsᵀ q /
 * sqrt(D), dV = pᵀ dOut.
 */
final class AttentionGradient {
  private static final int KEYS = AttentionTiles.KEYS;
  private static final int ROWS = AttentionTiles.ROWS;

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

    float[] rawQ = scratch.floats(0, padded * dim);
    float[] leftQ = scratch.floats(1, padded * headDim);
    float[] rightQ = scratch.floats(2, padded * dim);
    float[] leftDo = scratch.floats(3, padded * headDim);
    float[] rightDo = scratch.floats(4, padded * dim);
    float[] raw = scratch.floats(5, Math.max(padded, KEYS) * dim);
    float[] keysT = scratch.floats(6, KEYS * headDim);
    float[] valuesT = scratch.floats(7, KEYS * headDim);
    float[] keys = scratch.floats(8, KEYS * dim);
    float[] p = scratch.floats(9, padded * KEYS);
    float[] ds = scratch.floats(10, padded * KEYS);
    float[] packed = scratch.floats(11, padded * KEYS);
    float[] dKey = scratch.floats(12, KEYS * dim);
    float[] dQ = scratch.floats(13, padded * dim);
    float[] delta = scratch.floats(14, padded);
    float[] line = scratch.floats(15, dim);
    float[] line2 = scratch.floats(16, dim);
    float[] unused = scratch.floats(17, Kernels.MAX_LANES);

    tiles.loadQueries(t.dOut, firstQuery, group, rows, 1, raw);
    tiles.packLeft(raw, rows, headDim, dim, leftDo);
    tiles.packRight(raw, rows, rightDo);
    for (int r = 0; r < rows; r++) {
      t.out.load(tiles.queryOffset(firstQuery, group, r), line, 0, headDim);
      t.dOut.load(tiles.queryOffset(firstQuery, group, r), line2, 0, headDim);
      delta[r] = kernels.dot(line, line2, headDim);
    }
    // The scale is in q, so dK has it too; dQ gets it at the end.
    tiles.loadQueries(t.q, firstQuery, group, rows, scale, rawQ);
    tiles.packLeft(rawQ, rows, headDim, dim, leftQ);
    tiles.packRight(rawQ, rows, rightQ);
    Arrays.fill(dQ, 0, padded * dim, 0f);

    for (int block = 0; block < start + queries; block += KEYS) {
      int count = Math.min(KEYS, start + queries - block);
      tiles.loadKeys(t.values, run, group, block, count, raw);
      tiles.packRightTransposed(raw, valuesT);
      tiles.loadKeys(t.keys, run, group, block, count, raw);
      tiles.packRightTransposed(raw, keysT);
      tiles.packRight(raw, KEYS, keys);
      int fromRow = Math.max(0, block - start) * ratio;

      Arrays.fill(p, 0, padded * KEYS, 0f);
      Arrays.fill(ds, 0, padded * KEYS, 0f);
      tiles.multiply(fromRow, rows, headDim, KEYS, leftQ, keysT, p);
      tiles.multiply(fromRow, rows, headDim, KEYS, leftDo, valuesT, ds);
      Arrays.fill(p, 0, fromRow * KEYS, 0f);
      Arrays.fill(ds, 0, fromRow * KEYS, 0f);
      for (int r = fromRow; r < rows; r++) {
        int visible = Math.min(KEYS, start + r / ratio + 1 - block);
        int at = r * KEYS;
        int head = group * ratio + r % ratio;
        float shift = t.logSumExp.at((firstQuery + r / ratio) * heads + head);
        kernels.expShifted(p, at, visible, shift, unused, 0);
        scoreGradient(p, ds, at, visible, delta[r]);
        if (visible < KEYS) {
          Arrays.fill(p, at + visible, at + KEYS, 0f);
          Arrays.fill(ds, at + visible, at + KEYS, 0f);
        }
      }
      Arrays.fill(p, rows * KEYS, padded * KEYS, 0f);
      Arrays.fill(ds, rows * KEYS, padded * KEYS, 0f);

      // dQ (rows, D) += ds k
      for (int m = fromRow / ROWS * ROWS; m < rows; m += ROWS) {
        kernels.transpose(ROWS, KEYS, ds, m * KEYS, KEYS, packed, m * KEYS, ROWS);
      }
      tiles.multiply(fromRow, rows, KEYS, dim, packed, keys, dQ);

      // dV (keys, D) += pᵀ dOut, dK += dsᵀ q
      tiles.packLeftTransposed(p, rows, KEYS, packed);
      Arrays.fill(dKey, 0, KEYS * dim, 0f);
      tiles.multiply(0, KEYS, rows, dim, packed, rightDo, dKey);
      accumulate(run, group, groups, block, count, dKey, t.dValues, line);
      tiles.packLeftTransposed(ds, rows, KEYS, packed);
      Arrays.fill(dKey, 0, KEYS * dim, 0f);
      tiles.multiply(0, KEYS, rows, dim, packed, rightQ, dKey);
      accumulate(run, group, groups, block, count, dKey, t.dKeys, line);
    }

    AttentionTiles.scale(dQ, rows * dim, scale);
    for (int r = 0; r < rows; r++) {
      t.dQ.store(tiles.queryOffset(firstQuery, group, r), dQ, r * dim, headDim);
    }
  }

  /** ds = p (ds - delta), n elements. */
  private static void scoreGradient(float[] p, float[] ds, int offset, int n, float delta) {
    for (int i = offset; i < offset + n; i++) {
      ds[i] = p[i] * (ds[i] - delta);
    }
  }

  private void accumulate(
      int run, int group, int groups, int first, int count, float[] d, Floats to, float[] line) {
    int headDim = tiles.headDim();
    int dim = tiles.paddedDim();
    for (int j = 0; j < count; j++) {
      int at = (runs.keyRow(run, first + j) * groups + group) * headDim;
      to.load(at, line, 0, headDim);
      addTo(line, d, j * dim, headDim);
      to.store(at, line, 0, headDim);
    }
  }

  private static void addTo(float[] sum, float[] x, int offset, int n) {
    for (int i = 0; i < n; i++) {
      sum[i] += x[offset + i];
    }
  }
}
