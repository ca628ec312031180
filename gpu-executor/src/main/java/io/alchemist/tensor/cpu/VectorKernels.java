package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops on the Vector API, for vectors of 8 and 16 floats.
 *
 * <p>Sums over lanes are folded by hand in a fixed order: the API leaves the order of its own reduction open, and with it the
 * last bit. All of the process must use one vector length: with a second one the compiler no longer knows the type of any
 * vector, and each kernel becomes slower by a factor of 20.
 */
final class VectorKernels implements Kernels {
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int L = S.length();
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(S, 8 % L, 1, true);
  private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(S, 4, 1, true);
  private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(S, 2, 1, true);
  private static final VectorShuffle<Float> BY_1 = VectorShuffle.iota(S, 1, 1, true);

  private final PlainKernels plain = new PlainKernels();

  /** Called by name, as nothing else may mention this class. */
  VectorKernels() {
    if (L != 8 && L != 16) {
      throw new UnsupportedOperationException("vectors of " + L + " floats");
    }
  }

  @Override
  public String description() {
    return "Vector API, " + S.vectorBitSize() + " bits";
  }

  @Override
  public int panelWidth() {
    return 2 * L;
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
    if (rows > 4) {
      if (L == 16) {
        VectorTiles.rows8(a, aOffset, b, bOffset, inner, c, cOffset, cStride);
      } else {
        // 16 registers hold a tile of 4 rows only.
        VectorTiles.rows4(a, aOffset, b, bOffset, inner, c, cOffset, cStride);
        VectorTiles.rows4(a, aOffset + 4, b, bOffset, inner, c, cOffset + 4 * cStride, cStride);
      }
    } else if (rows > 2) {
      VectorTiles.rows4(a, aOffset, b, bOffset, inner, c, cOffset, cStride);
    } else if (rows == 2) {
      VectorTiles.rows2(a, aOffset, b, bOffset, inner, c, cOffset, cStride);
    } else {
      VectorTiles.rows1(a, aOffset, b, bOffset, inner, c, cOffset, cStride);
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
    if (rows > 4) {
      if (L == 16) {
        VectorStreamTiles.rows8(a, aOffset, b, bOffsetBytes, inner, c, cOffset, cStride);
      } else {
        VectorStreamTiles.rows4(a, aOffset, b, bOffsetBytes, inner, c, cOffset, cStride);
        VectorStreamTiles.rows4(
            a, aOffset + 4, b, bOffsetBytes, inner, c, cOffset + 4 * cStride, cStride);
      }
    } else if (rows > 2) {
      VectorStreamTiles.rows4(a, aOffset, b, bOffsetBytes, inner, c, cOffset, cStride);
    } else if (rows == 2) {
      VectorStreamTiles.rows2(a, aOffset, b, bOffsetBytes, inner, c, cOffset, cStride);
    } else {
      VectorStreamTiles.rows1(a, aOffset, b, bOffsetBytes, inner, c, cOffset, cStride);
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
    int whole = cols - cols % L;
    for (int r = 0; r < rows; r++) {
      int from = cOffset + r * cStride;
      int to = yOffsetBytes + r * yStride * Float.BYTES;
      for (int j = 0; j < whole; j += L) {
        FloatVector v = FloatVector.fromArray(S, c, from + j).mul(alpha);
        if (beta != 0) {
          v = v.add(FloatVector.fromByteBuffer(S, y, to + j * Float.BYTES, ORDER));
        }
        v.intoByteBuffer(y, to + j * Float.BYTES, ORDER);
      }
    }
    if (whole < cols) {
      plain.write(
          rows,
          cols - whole,
          alpha,
          c,
          cOffset + whole,
          cStride,
          beta,
          y,
          yOffsetBytes + whole * Float.BYTES,
          yStride);
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
    plain.transpose(rows, cols, from, fromOffset, fromStride, to, toOffset, toStride);
  }

  @Override
  public float max(float[] x, int offset, int n) {
    float max = x[offset];
    int whole = n - n % L;
    if (whole > 0) {
      FloatVector m = FloatVector.fromArray(S, x, offset);
      for (int i = L; i < whole; i += L) {
        m = m.max(FloatVector.fromArray(S, x, offset + i));
      }
      max = m.reduceLanes(VectorOperators.MAX);
    }
    for (int i = whole; i < n; i++) {
      max = Math.max(max, x[offset + i]);
    }
    return max;
  }

  @Override
  public float expShifted(float[] x, int offset, int n, float shift) {
    pad(x, offset, n, Float.NEGATIVE_INFINITY);
    FloatVector sum = FloatVector.zero(S);
    for (int i = 0; i < n; i += L) {
      FloatVector v = FloatVector.fromArray(S, x, offset + i).sub(shift);
      // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits. (A shift of an
      // IntVector is not always compiled to one instruction, depending on what ran before; a
      // product is.)
      FloatVector shifted = v.mul(Exp.LOG2_E).add(Exp.ROUND);
      FloatVector whole = shifted.sub(Exp.ROUND);
      FloatVector r = whole.fma(FloatVector.broadcast(S, -Exp.LN2_HIGH), v);
      r = whole.fma(FloatVector.broadcast(S, -Exp.LN2_LOW), r);
      FloatVector p = r.fma(FloatVector.broadcast(S, Exp.C7), FloatVector.broadcast(S, Exp.C6));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C5));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C4));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C3));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C2));
      p = p.fma(r.mul(r), r).add(1f);
      IntVector power = shifted.reinterpretAsInts().mul(1 << 23).add(Exp.ONE);
      FloatVector e = p.mul(power.reinterpretAsFloats());
      VectorMask<Float> tooSmall = v.compare(VectorOperators.LT, Exp.SMALLEST);
      e = e.blend(0f, tooSmall);
      e.intoArray(x, offset + i);
      sum = sum.add(e);
    }
    if (L == 16) {
      sum = sum.add(sum.rearrange(BY_8));
    }
    sum = sum.add(sum.rearrange(BY_4));
    sum = sum.add(sum.rearrange(BY_2));
    sum = sum.add(sum.rearrange(BY_1));
    return sum.lane(0);
  }

  @Override
  public void sigmoid(float[] z, float[] out, int n) {
    for (int i = 0; i < n; i += L) {
      FloatVector x = FloatVector.fromArray(S, z, i);
      FloatVector v = x.abs().neg();
      FloatVector shifted = v.mul(Exp.LOG2_E).add(Exp.ROUND);
      FloatVector whole = shifted.sub(Exp.ROUND);
      FloatVector r = whole.fma(FloatVector.broadcast(S, -Exp.LN2_HIGH), v);
      r = whole.fma(FloatVector.broadcast(S, -Exp.LN2_LOW), r);
      FloatVector p = r.fma(FloatVector.broadcast(S, Exp.C7), FloatVector.broadcast(S, Exp.C6));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C5));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C4));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C3));
      p = p.fma(r, FloatVector.broadcast(S, Exp.C2));
      p = p.fma(r.mul(r), r).add(1f);
      IntVector power = shifted.reinterpretAsInts().mul(1 << 23).add(Exp.ONE);
      FloatVector e = p.mul(power.reinterpretAsFloats());
      e = e.blend(0f, v.compare(VectorOperators.LT, Exp.SMALLEST));
      FloatVector one = FloatVector.broadcast(S, 1f);
      FloatVector top = one.blend(e, x.compare(VectorOperators.LT, 0f));
      top.div(e.add(1f)).intoArray(out, i);
    }
  }

  @Override
  public float dot(float[] x, float[] y, int n) {
    pad(x, 0, n, 0);
    pad(y, 0, n, 0);
    FloatVector sum = FloatVector.zero(S);
    for (int i = 0; i < n; i += L) {
      sum = FloatVector.fromArray(S, x, i).fma(FloatVector.fromArray(S, y, i), sum);
    }
    if (L == 16) {
      sum = sum.add(sum.rearrange(BY_8));
    }
    sum = sum.add(sum.rearrange(BY_4));
    sum = sum.add(sum.rearrange(BY_2));
    sum = sum.add(sum.rearrange(BY_1));
    return sum.lane(0);
  }

  private static void pad(float[] x, int offset, int n, float with) {
    for (int i = n; i % L != 0; i++) {
      x[offset + i] = with;
    }
  }
}
