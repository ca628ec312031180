package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;

/** The loops in plain Java, for a Java runtime without the Vector API; the compiler vectorises some of them. */
final class PlainKernels implements Kernels {
  private static final int W = 16;
  private static final int ROWS = TILE_ROWS;

  @Override
  public String description() {
    return "plain Java";
  }

  @Override
  public int panelWidth() {
    return W;
  }

  @Override
  public void tile(
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
      int cStride) {
    tile(rows, a, aOffset, 1, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
  }

  @Override
  public void tileOfRows(
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
      int cStride) {
    tile(rows, a, aOffset, aStride, 1, b, bOffset, bStride, inner, c, cOffset, cStride);
  }

  /** The left side's rows are {@code aRow} apart, its columns {@code aCol}. */
  private static void tile(
      int rows,
      float[] a,
      int aOffset,
      int aRow,
      int aCol,
      float[] b,
      int bOffset,
      int bStride,
      int inner,
      float[] c,
      int cOffset,
      int cStride) {
    for (int r = 0; r < rows; r++) {
      int row = cOffset + r * cStride;
      for (int k = 0; k < inner; k++) {
        float x = a[aOffset + r * aRow + k * aCol];
        int from = bOffset + k * bStride;
        for (int j = 0; j < W; j++) {
          c[row + j] += x * b[from + j];
        }
      }
    }
  }

  @Override
  public void tile(
      int rows,
      int cols,
      float[] a,
      int aOffset,
      ByteBuffer b,
      int bOffsetBytes,
      int inner,
      float[] c,
      int cOffset,
      int cStride) {
    for (int k = 0; k < inner; k++) {
      int from = bOffsetBytes + k * W * Float.BYTES;
      for (int r = 0; r < rows; r++) {
        float x = a[aOffset + k * ROWS + r];
        int row = cOffset + r * cStride;
        for (int j = 0; j < W; j++) {
          c[row + j] += x * b.getFloat(from + j * Float.BYTES);
        }
      }
    }
  }

  @Override
  public void write(
      int rows,
      int cols,
      float alpha,
      float[] c,
      int cOffset,
      int cStride,
      float beta,
      ByteBuffer y,
      int yOffsetBytes,
      int yStride) {
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < cols; j++) {
        int to = yOffsetBytes + (r * yStride + j) * Float.BYTES;
        float v = alpha * c[cOffset + r * cStride + j];
        y.putFloat(to, beta == 0 ? v : v + y.getFloat(to));
      }
    }
  }

  @Override
  public void transpose(
      int rows,
      int cols,
      float[] from,
      int fromOffset,
      int fromStride,
      float[] to,
      int toOffset,
      int toStride) {
    int whole = rows - rows % ROWS;
    for (int i = 0; i < whole; i += ROWS) {
      transpose8(cols, from, fromOffset + i * fromStride, fromStride, to, toOffset + i, toStride);
    }
    for (int i = whole; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        to[toOffset + j * toStride + i] = from[fromOffset + i * fromStride + j];
      }
    }
  }

  /** Eight rows at once, so that what is written lies together. */
  private static void transpose8(
      int cols, float[] from, int row, int fromStride, float[] to, int toOffset, int toStride) {
    int row2 = row + 2 * fromStride;
    int row4 = row + 4 * fromStride;
    int row6 = row + 6 * fromStride;
    for (int j = 0; j < cols; j++) {
      int t = toOffset + j * toStride;
      to[t] = from[row + j];
      to[t + 1] = from[row + fromStride + j];
      to[t + 2] = from[row2 + j];
      to[t + 3] = from[row2 + fromStride + j];
      to[t + 4] = from[row4 + j];
      to[t + 5] = from[row4 + fromStride + j];
      to[t + 6] = from[row6 + j];
      to[t + 7] = from[row6 + fromStride + j];
    }
  }

  @Override
  public float max(float[] x, int offset, int n) {
    float max = x[offset];
    for (int i = 1; i < n; i++) {
      max = Math.max(max, x[offset + i]);
    }
    return max;
  }

  @Override
  public void expShifted(float[] x, int offset, int n, float shift, float[] sums, int sumsOffset) {
    for (int i = 0; i < n; i++) {
      float e = Exp.exp(x[offset + i] - shift);
      x[offset + i] = e;
      sums[sumsOffset + i % MAX_LANES] += e;
    }
    for (int i = n; i % W != 0; i++) {
      x[offset + i] = 0;
    }
  }

  @Override
  public void sigmoid(float[] z, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      float e = Exp.exp(-Math.abs(z[i]));
      out[i] = (z[i] < 0 ? e : 1) / (1 + e);
    }
  }

  @Override
  public float dot(float[] x, int xOffset, float[] y, int yOffset, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += x[xOffset + i] * y[yOffset + i];
    }
    return sum;
  }
}
