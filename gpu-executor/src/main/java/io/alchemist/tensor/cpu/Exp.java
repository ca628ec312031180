package io.alchemist.tensor.cpu;

/**
 * exp(v) = 2^k exp(r) with r = v - k ln 2 in [-ln 2 / 2, ln 2 / 2], and exp(r) by a polynomial: the constants and the plain
 * form. Relative error about 2e-7; results below 2^-127 are 0.
 */
final class Exp {
  static final float LOG2_E = 1.442695f;
  /** 1.5 * 2^23: numbers of this size have no fraction. */
  static final float ROUND = 12582912f;
  /** ln 2 in two parts, the first with so few digits that its multiples are exact. */
  static final float LN2_HIGH = 0.6933594f;

  static final float LN2_LOW = -2.1219444E-4f;
  /** Below this v is taken for it: 2^k becomes 0, and so the result. */
  static final float SMALLEST = -88f;
  /** The largest v that is needed. */
  static final float LARGEST = 80f;
  /** The bits of 1. */
  static final int ONE = 0x3f800000;

  // A minimax polynomial for (exp(r) - 1 - r) / r^2, close to the Taylor series 1/2, 1/6, 1/24 ...
  static final float C2 = 0.5f;
  static final float C3 = 0.16666666f;
  static final float C4 = 0.041665796f;
  static final float C5 = 0.008333452f;
  static final float C6 = 0.0013981999f;
  static final float C7 = 1.9875691e-4f;

  private Exp() {}

  /** For values up to {@link #LARGEST}. */
  static float exp(float value) {
    float v = Math.max(value, SMALLEST);
    float shifted = v * LOG2_E + ROUND;
    float whole = shifted - ROUND;
    float r = v - whole * LN2_HIGH - whole * LN2_LOW;
    float p = ((((C7 * r + C6) * r + C5) * r + C4) * r + C3) * r + C2;
    float e = p * (r * r) + r + 1f;
    return e * Float.intBitsToFloat((Float.floatToRawIntBits(shifted) << 23) + ONE);
  }
}
