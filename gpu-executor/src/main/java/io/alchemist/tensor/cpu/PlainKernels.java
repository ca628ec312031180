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
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int inner,
      float[] c,
      int cOffset,
      int cStride) {
    for (int r = 0; r < rows; r++) {
      int row = cOffset + r * cStride;
      for (int k = 0; k < inner; k++) {
        float x = a[aOffset + k * ROWS + r];
        int from = bOffset + k * W;
        for (int j = 0; j < W; j++) {
          c[row + j] += x * b[from + j];
        }
      }
    }
  }

  @Override
  public void tile(
      int rows,
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
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        to[toOffset + j * toStride + i] = from[fromOffset + i * fromStride + j];
      }
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
  public float expShifted(float[] x, int offset, int n, float shift) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      float e = Exp.exp(x[offset + i] - shift);
      x[offset + i] = e;
      sum += e;
    }
    for (int i = n; i % W != 0; i++) {
      x[offset + i] = 0;
    }
    return sum;
  }

  @Override
  public void sigmoid(float[] z, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      float e = Exp.exp(-Math.abs(z[i]));
      out[i] = (z[i] < 0 ? e : 1) / (1 + e);
    }
  }

  @Override
  public float dot(float[] x, float[] y, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }
}
