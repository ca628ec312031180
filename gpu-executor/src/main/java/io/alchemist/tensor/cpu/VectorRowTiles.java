package io.alchemist.tensor.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** {@link Kernels#tileOfRows} for 8 and 4 rows and for half a panel, written out for the reason given in {@link VectorTiles}. */
final class VectorRowTiles {
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int L = S.length();

  private VectorRowTiles() {}

  static void rows8(
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
    int i1 = aOffset + aStride;
    int i2 = i1 + aStride;
    int i3 = i2 + aStride;
    int i4 = i3 + aStride;
    int i5 = i4 + aStride;
    int i6 = i5 + aStride;
    int i7 = i6 + aStride;
    int o1 = cOffset + cStride;
    int o2 = o1 + cStride;
    int o3 = o2 + cStride;
    int o4 = o3 + cStride;
    int o5 = o4 + cStride;
    int o6 = o5 + cStride;
    int o7 = o6 + cStride;
    FloatVector c0l = FloatVector.fromArray(S, c, cOffset);
    FloatVector c0r = FloatVector.fromArray(S, c, cOffset + L);
    FloatVector c1l = FloatVector.fromArray(S, c, o1);
    FloatVector c1r = FloatVector.fromArray(S, c, o1 + L);
    FloatVector c2l = FloatVector.fromArray(S, c, o2);
    FloatVector c2r = FloatVector.fromArray(S, c, o2 + L);
    FloatVector c3l = FloatVector.fromArray(S, c, o3);
    FloatVector c3r = FloatVector.fromArray(S, c, o3 + L);
    FloatVector c4l = FloatVector.fromArray(S, c, o4);
    FloatVector c4r = FloatVector.fromArray(S, c, o4 + L);
    FloatVector c5l = FloatVector.fromArray(S, c, o5);
    FloatVector c5r = FloatVector.fromArray(S, c, o5 + L);
    FloatVector c6l = FloatVector.fromArray(S, c, o6);
    FloatVector c6r = FloatVector.fromArray(S, c, o6 + L);
    FloatVector c7l = FloatVector.fromArray(S, c, o7);
    FloatVector c7r = FloatVector.fromArray(S, c, o7 + L);
    for (int k = 0; k < inner; k++) {
      FloatVector bl = FloatVector.fromArray(S, b, bOffset + k * bStride);
      FloatVector br = FloatVector.fromArray(S, b, bOffset + k * bStride + L);
      FloatVector a0 = FloatVector.broadcast(S, a[aOffset + k]);
      c0l = a0.fma(bl, c0l);
      c0r = a0.fma(br, c0r);
      FloatVector a1 = FloatVector.broadcast(S, a[i1 + k]);
      c1l = a1.fma(bl, c1l);
      c1r = a1.fma(br, c1r);
      FloatVector a2 = FloatVector.broadcast(S, a[i2 + k]);
      c2l = a2.fma(bl, c2l);
      c2r = a2.fma(br, c2r);
      FloatVector a3 = FloatVector.broadcast(S, a[i3 + k]);
      c3l = a3.fma(bl, c3l);
      c3r = a3.fma(br, c3r);
      FloatVector a4 = FloatVector.broadcast(S, a[i4 + k]);
      c4l = a4.fma(bl, c4l);
      c4r = a4.fma(br, c4r);
      FloatVector a5 = FloatVector.broadcast(S, a[i5 + k]);
      c5l = a5.fma(bl, c5l);
      c5r = a5.fma(br, c5r);
      FloatVector a6 = FloatVector.broadcast(S, a[i6 + k]);
      c6l = a6.fma(bl, c6l);
      c6r = a6.fma(br, c6r);
      FloatVector a7 = FloatVector.broadcast(S, a[i7 + k]);
      c7l = a7.fma(bl, c7l);
      c7r = a7.fma(br, c7r);
    }
    c0l.intoArray(c, cOffset);
    c0r.intoArray(c, cOffset + L);
    c1l.intoArray(c, o1);
    c1r.intoArray(c, o1 + L);
    c2l.intoArray(c, o2);
    c2r.intoArray(c, o2 + L);
    c3l.intoArray(c, o3);
    c3r.intoArray(c, o3 + L);
    c4l.intoArray(c, o4);
    c4r.intoArray(c, o4 + L);
    c5l.intoArray(c, o5);
    c5r.intoArray(c, o5 + L);
    c6l.intoArray(c, o6);
    c6r.intoArray(c, o6 + L);
    c7l.intoArray(c, o7);
    c7r.intoArray(c, o7 + L);
  }

  /** Half a panel. */
  static void narrow8(
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
    int i1 = aOffset + aStride;
    int i2 = i1 + aStride;
    int i3 = i2 + aStride;
    int i4 = i3 + aStride;
    int i5 = i4 + aStride;
    int i6 = i5 + aStride;
    int i7 = i6 + aStride;
    int o1 = cOffset + cStride;
    int o2 = o1 + cStride;
    int o3 = o2 + cStride;
    int o4 = o3 + cStride;
    int o5 = o4 + cStride;
    int o6 = o5 + cStride;
    int o7 = o6 + cStride;
    FloatVector c0 = FloatVector.fromArray(S, c, cOffset);
    FloatVector c1 = FloatVector.fromArray(S, c, o1);
    FloatVector c2 = FloatVector.fromArray(S, c, o2);
    FloatVector c3 = FloatVector.fromArray(S, c, o3);
    FloatVector c4 = FloatVector.fromArray(S, c, o4);
    FloatVector c5 = FloatVector.fromArray(S, c, o5);
    FloatVector c6 = FloatVector.fromArray(S, c, o6);
    FloatVector c7 = FloatVector.fromArray(S, c, o7);
    for (int k = 0; k < inner; k++) {
      FloatVector b0 = FloatVector.fromArray(S, b, bOffset + k * bStride);
      FloatVector a0 = FloatVector.broadcast(S, a[aOffset + k]);
      c0 = a0.fma(b0, c0);
      FloatVector a1 = FloatVector.broadcast(S, a[i1 + k]);
      c1 = a1.fma(b0, c1);
      FloatVector a2 = FloatVector.broadcast(S, a[i2 + k]);
      c2 = a2.fma(b0, c2);
      FloatVector a3 = FloatVector.broadcast(S, a[i3 + k]);
      c3 = a3.fma(b0, c3);
      FloatVector a4 = FloatVector.broadcast(S, a[i4 + k]);
      c4 = a4.fma(b0, c4);
      FloatVector a5 = FloatVector.broadcast(S, a[i5 + k]);
      c5 = a5.fma(b0, c5);
      FloatVector a6 = FloatVector.broadcast(S, a[i6 + k]);
      c6 = a6.fma(b0, c6);
      FloatVector a7 = FloatVector.broadcast(S, a[i7 + k]);
      c7 = a7.fma(b0, c7);
    }
    c0.intoArray(c, cOffset);
    c1.intoArray(c, o1);
    c2.intoArray(c, o2);
    c3.intoArray(c, o3);
    c4.intoArray(c, o4);
    c5.intoArray(c, o5);
    c6.intoArray(c, o6);
    c7.intoArray(c, o7);
  }

  static void rows4(
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
    int i1 = aOffset + aStride;
    int i2 = i1 + aStride;
    int i3 = i2 + aStride;
    int o1 = cOffset + cStride;
    int o2 = o1 + cStride;
    int o3 = o2 + cStride;
    FloatVector c0l = FloatVector.fromArray(S, c, cOffset);
    FloatVector c0r = FloatVector.fromArray(S, c, cOffset + L);
    FloatVector c1l = FloatVector.fromArray(S, c, o1);
    FloatVector c1r = FloatVector.fromArray(S, c, o1 + L);
    FloatVector c2l = FloatVector.fromArray(S, c, o2);
    FloatVector c2r = FloatVector.fromArray(S, c, o2 + L);
    FloatVector c3l = FloatVector.fromArray(S, c, o3);
    FloatVector c3r = FloatVector.fromArray(S, c, o3 + L);
    for (int k = 0; k < inner; k++) {
      FloatVector bl = FloatVector.fromArray(S, b, bOffset + k * bStride);
      FloatVector br = FloatVector.fromArray(S, b, bOffset + k * bStride + L);
      FloatVector a0 = FloatVector.broadcast(S, a[aOffset + k]);
      c0l = a0.fma(bl, c0l);
      c0r = a0.fma(br, c0r);
      FloatVector a1 = FloatVector.broadcast(S, a[i1 + k]);
      c1l = a1.fma(bl, c1l);
      c1r = a1.fma(br, c1r);
      FloatVector a2 = FloatVector.broadcast(S, a[i2 + k]);
      c2l = a2.fma(bl, c2l);
      c2r = a2.fma(br, c2r);
      FloatVector a3 = FloatVector.broadcast(S, a[i3 + k]);
      c3l = a3.fma(bl, c3l);
      c3r = a3.fma(br, c3r);
    }
    c0l.intoArray(c, cOffset);
    c0r.intoArray(c, cOffset + L);
    c1l.intoArray(c, o1);
    c1r.intoArray(c, o1 + L);
    c2l.intoArray(c, o2);
    c2r.intoArray(c, o2 + L);
    c3l.intoArray(c, o3);
    c3r.intoArray(c, o3 + L);
  }
}
