package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops on the Vector API, for vectors of 8 and 16 floats.
 *
 * <p>Sums over lanes are folded by hand in a fixed order: the API leaves the order of its own reduction open, and with it the
 * last bit. All of the process must use one vector length: with a second one the compiler no longer knows the type of any
 * vector, and each kernel becomes slower by a factor of 20.
 *
 * <p>Whether the compiler keeps vectors in registers must not depend on what ran before. So a method is called on a vector just
 * made from the species, whose type is known, never on a sum carried around a loop or on a converted vector ({@code e.add(sum)}, not {@code
 * sum.add(e)}); there are no masks and no shuffles but the constants of {@link VectorTranspose}; constants are vectors in
 * static fields; and a method has few vector operations, as the compiler gives up on those of a long one.
 */
final class VectorKernels implements Kernels {
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final int L = S.length();
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private static final FloatVector C2 = FloatVector.broadcast(S, Exp.C2);
  private static final FloatVector C3 = FloatVector.broadcast(S, Exp.C3);
  private static final FloatVector C4 = FloatVector.broadcast(S, Exp.C4);
  private static final FloatVector C5 = FloatVector.broadcast(S, Exp.C5);
  private static final FloatVector C6 = FloatVector.broadcast(S, Exp.C6);
  private static final FloatVector C7 = FloatVector.broadcast(S, Exp.C7);
  private static final FloatVector LOG2_E = FloatVector.broadcast(S, Exp.LOG2_E);
  private static final FloatVector ROUND = FloatVector.broadcast(S, Exp.ROUND);
  private static final FloatVector SMALLEST = FloatVector.broadcast(S, Exp.SMALLEST);
  private static final FloatVector LARGEST = FloatVector.broadcast(S, Exp.LARGEST);
  private static final FloatVector MINUS_LN2_HIGH = FloatVector.broadcast(S, -Exp.LN2_HIGH);
  private static final FloatVector MINUS_LN2_LOW = FloatVector.broadcast(S, -Exp.LN2_LOW);
  private static final FloatVector ZERO = FloatVector.zero(S);
  private static final FloatVector ONE = FloatVector.broadcast(S, 1f);
  /** Moves whole numbers into the exponent of a float, as a product. */
  private static final IntVector EXPONENT = IntVector.broadcast(I, 1 << 23);

  private static final IntVector BITS_OF_ONE = IntVector.broadcast(I, Exp.ONE);

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
    if (rows > 4) {
      if (L == 16 && cols <= L) {
        VectorTiles.narrow8(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
      } else if (L == 16) {
        VectorTiles.rows8(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
      } else {
        // 16 registers hold a tile of 4 rows only.
        VectorTiles.rows4(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
        VectorTiles.rows4(
            a, aOffset + 4, aStride, b, bOffset, bStride, inner, c, cOffset + 4 * cStride, cStride);
      }
    } else if (rows > 2) {
      VectorTiles.rows4(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
    } else if (rows == 2) {
      VectorTiles.rows2(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
    } else {
      VectorTiles.rows1(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
    }
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
    if (cols <= L) {
      VectorRowTiles.narrow8(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
      return;
    }
    if (rows > 4 && L == 16) {
      VectorRowTiles.rows8(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
      return;
    }
    VectorRowTiles.rows4(a, aOffset, aStride, b, bOffset, bStride, inner, c, cOffset, cStride);
    if (rows > 4) {
      int a4 = aOffset + 4 * aStride;
      int c4 = cOffset + 4 * cStride;
      VectorRowTiles.rows4(a, a4, aStride, b, bOffset, bStride, inner, c, c4, cStride);
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
      int to = yOffsetBytes + r * yStride * Float.BYTES;
      if (beta == 0) {
        store(whole, alpha, c, cOffset + r * cStride, y, to);
      } else {
        add(whole, alpha, c, cOffset + r * cStride, y, to);
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

  private static void store(int n, float alpha, float[] c, int from, ByteBuffer y, int to) {
    for (int j = 0; j < n; j += L) {
      FloatVector.fromArray(S, c, from + j)
          .mul(alpha)
          .intoByteBuffer(y, to + j * Float.BYTES, ORDER);
    }
  }

  private static void add(int n, float alpha, float[] c, int from, ByteBuffer y, int to) {
    for (int j = 0; j < n; j += L) {
      FloatVector.fromArray(S, c, from + j)
          .mul(alpha)
          .add(FloatVector.fromByteBuffer(S, y, to + j * Float.BYTES, ORDER))
          .intoByteBuffer(y, to + j * Float.BYTES, ORDER);
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
    int wholeRows = L == VectorTranspose.BLOCK ? rows - rows % L : 0;
    int wholeCols = wholeRows == 0 ? 0 : cols - cols % L;
    for (int i = 0; i < wholeRows; i += L) {
      for (int j = 0; j < wholeCols; j += L) {
        VectorTranspose.block(
            from,
            fromOffset + i * fromStride + j,
            fromStride,
            to,
            toOffset + j * toStride + i,
            toStride);
      }
    }
    // What is left: columns behind the blocks, then rows below them.
    plain.transpose(
        wholeRows,
        cols - wholeCols,
        from,
        fromOffset + wholeCols,
        fromStride,
        to,
        toOffset + wholeCols * toStride,
        toStride);
    plain.transpose(
        rows - wholeRows,
        cols,
        from,
        fromOffset + wholeRows * fromStride,
        fromStride,
        to,
        toOffset + wholeRows,
        toStride);
  }

  @Override
  public float max(float[] x, int offset, int n) {
    float max = x[offset];
    int whole = n - n % L;
    if (whole > 0) {
      FloatVector m = FloatVector.broadcast(S, max);
      for (int i = 0; i < whole; i += L) {
        m = FloatVector.fromArray(S, x, offset + i).max(m);
      }
      max = FloatVector.broadcast(S, max).max(m).reduceLanes(VectorOperators.MAX);
    }
    for (int i = whole; i < n; i++) {
      max = Math.max(max, x[offset + i]);
    }
    return max;
  }

  @Override
  public void expShifted(float[] x, int offset, int n, float shift, float[] sums, int sumsOffset) {
    pad(x, offset, n, Float.NEGATIVE_INFINITY);
    FloatVector shifts = FloatVector.broadcast(S, shift);
    FloatVector sum = FloatVector.fromArray(S, sums, sumsOffset);
    for (int i = offset; i < offset + n; i += L) {
      FloatVector v = FloatVector.fromArray(S, x, i).sub(shifts).max(SMALLEST);
      // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits. (A shift of an
      // IntVector is not always compiled to one instruction, depending on what ran before; a
      // product is.)
      FloatVector shifted = v.mul(LOG2_E).add(ROUND);
      FloatVector whole = shifted.sub(ROUND);
      FloatVector r = whole.fma(MINUS_LN2_HIGH, v);
      r = whole.fma(MINUS_LN2_LOW, r);
      FloatVector p = r.fma(C7, C6);
      p = p.fma(r, C5);
      p = p.fma(r, C4);
      p = p.fma(r, C3);
      p = p.fma(r, C2);
      p = p.fma(r.mul(r), r).add(ONE);
      IntVector power = EXPONENT.mul(shifted.reinterpretAsInts()).add(BITS_OF_ONE);
      FloatVector e = p.mul(power.reinterpretAsFloats());
      e.intoArray(x, i);
      sum = e.add(sum);
    }
    ZERO.add(sum).intoArray(sums, sumsOffset);
  }

  @Override
  public void sigmoid(float[] z, float[] out, int n) {
    for (int i = 0; i < n; i += L) {
      // Bounded, so that e is finite: for z below -80 the result is 2e-35, not less.
      FloatVector v = ZERO.sub(FloatVector.fromArray(S, z, i)).max(SMALLEST).min(LARGEST);
      FloatVector shifted = v.mul(LOG2_E).add(ROUND);
      FloatVector whole = shifted.sub(ROUND);
      FloatVector r = whole.fma(MINUS_LN2_HIGH, v);
      r = whole.fma(MINUS_LN2_LOW, r);
      FloatVector p = r.fma(C7, C6);
      p = p.fma(r, C5);
      p = p.fma(r, C4);
      p = p.fma(r, C3);
      p = p.fma(r, C2);
      p = p.fma(r.mul(r), r).add(ONE);
      IntVector power = EXPONENT.mul(shifted.reinterpretAsInts()).add(BITS_OF_ONE);
      FloatVector e = p.mul(power.reinterpretAsFloats());
      ONE.div(e.add(ONE)).intoArray(out, i);
    }
  }

  @Override
  public float dot(float[] x, int xOffset, float[] y, int yOffset, int n) {
    pad(x, xOffset, n, 0);
    pad(y, yOffset, n, 0);
    FloatVector sum = FloatVector.zero(S);
    for (int i = 0; i < n; i += L) {
      sum = FloatVector.fromArray(S, x, xOffset + i)
          .fma(FloatVector.fromArray(S, y, yOffset + i), sum);
    }
    float[] sums = new float[MAX_LANES];
    ZERO.add(sum).intoArray(sums, 0);
    return Kernels.total(sums, 0);
  }

  private static void pad(float[] x, int offset, int n, float with) {
    for (int i = n; i % L != 0; i++) {
      x[offset + i] = with;
    }
  }
}
