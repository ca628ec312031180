package io.alchemist.files;

/** Conversions between float32 and the two 16-bit formats, round to nearest even. */
final class HalfFloats {
  private static final float SUBNORMAL_STEP = 0x1p-24f;

  private HalfFloats() {}

  /** IEEE binary16 to float32, exact. */
  static float fromF16(short bits) {
    int magnitude = bits & 0x7fff;
    int sign = (bits & 0x8000) << 16;
    if (magnitude >= 0x7c00) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (magnitude << 13));
    }
    if (magnitude < 0x0400) {
      float value = magnitude * SUBNORMAL_STEP;
      return sign == 0 ? value : -value;
    }
    return Float.intBitsToFloat(sign | ((magnitude << 13) + (112 << 23)));
  }

  /** bfloat16 to float32, exact. */
  static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** float32 to IEEE binary16; beyond 65,504 it is infinite. */
  static short toF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    float magnitude = Math.abs(value);
    if (!(magnitude < 65_520f)) {
      return (short) (sign | (Float.isNaN(value) ? 0x7e00 : 0x7c00));
    }
    if (magnitude < 0x1p-14f) {
      // The steps of subnormals are even, and so is the rounding of rint.
      return (short) (sign | (int) Math.rint(magnitude / SUBNORMAL_STEP));
    }
    int shifted = (bits & 0x7fffffff) - (112 << 23);
    return (short) (sign | dropBits(shifted, 13));
  }

  /** float32 to bfloat16; what rounds beyond the largest is infinite. */
  static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) (((bits >>> 16) & 0x8000) | dropBits(bits & 0x7fffffff, 16));
  }

  /** Drops the lowest bits of a non-negative number, to nearest, ties to even. */
  private static int dropBits(int bits, int drop) {
    int half = (1 << (drop - 1)) - 1;
    return (bits + half + ((bits >>> drop) & 1)) >>> drop;
  }
}
