package io.alchemist.files;

/**
 * Decodes GGUF's blocks of 256 elements ("K quants"): sub-blocks with small integer scales, which a float16 scale of the
 * whole block multiplies.
 */
final class SuperBlocks {
  private static final int ELEMENTS = 256;

  private SuperBlocks() {}

  /** d, dmin, 12 bytes of packed scales, 128 bytes: x = d scale q - dmin minimum, 8 sub-blocks of 32. */
  static void q4(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q4_K.blockBytes();
      for (int sub = 0; sub < 8; sub++) {
        float scale = half(from, in) * scale(from, in + 4, sub);
        float minimum = half(from, in + 2) * minimum(from, in + 4, sub);
        // Two sub-blocks share 32 bytes: the even one has the low halves.
        int quants = in + 16 + sub / 2 * 32;
        int shift = sub % 2 * 4;
        int out = block * ELEMENTS + sub * 32;
        for (int j = 0; j < 32; j++) {
          to[out + j] = scale * ((from[quants + j] >> shift) & 15) - minimum;
        }
      }
    }
  }

  /** As {@link #q4}, with 32 bytes before the quants: bit s of byte j is the fifth bit of element j of sub-block s. */
  static void q5(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q5_K.blockBytes();
      int fifth = in + 16;
      for (int sub = 0; sub < 8; sub++) {
        float scale = half(from, in) * scale(from, in + 4, sub);
        float minimum = half(from, in + 2) * minimum(from, in + 4, sub);
        int quants = in + 48 + sub / 2 * 32;
        int shift = sub % 2 * 4;
        int out = block * ELEMENTS + sub * 32;
        for (int j = 0; j < 32; j++) {
          int q = ((from[quants + j] >> shift) & 15) | (((from[fifth + j] >> sub) & 1) << 4);
          to[out + j] = scale * q - minimum;
        }
      }
    }
  }

  /** 128 bytes of low halves, 64 bytes of upper two bits, 16 signed scales, d: x = d scale (q - 32). */
  static void q6(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q6_K.blockBytes();
      float d = half(from, in + 208);
      for (int group = 0; group < 8; group++) {
        // Four groups of 32 elements make one half of the block, with 64 bytes of low and 32 of
        // upper bits.
        int quarter = group % 4;
        int low = in + group / 4 * 64 + quarter % 2 * 32;
        int upper = in + 128 + group / 4 * 32;
        int lowShift = quarter / 2 * 4;
        int upperShift = quarter * 2;
        int scales = in + 192 + group * 2;
        int out = block * ELEMENTS + group * 32;
        for (int j = 0; j < 32; j++) {
          int q = ((from[low + j] >> lowShift) & 15) | (((from[upper + j] >> upperShift) & 3) << 4);
          to[out + j] = d * from[scales + j / 16] * (q - 32);
        }
      }
    }
  }

  /** Eight 6-bit scales and eight 6-bit minima in 12 bytes; those of 4..7 have their upper two bits apart. */
  private static int scale(byte[] from, int scales, int sub) {
    return sub < 4
        ? from[scales + sub] & 63
        : (from[scales + sub + 4] & 15) | (((from[scales + sub - 4] >> 6) & 3) << 4);
  }

  private static int minimum(byte[] from, int scales, int sub) {
    return sub < 4
        ? from[scales + sub + 4] & 63
        : ((from[scales + sub + 4] >> 4) & 15) | (((from[scales + sub] >> 6) & 3) << 4);
  }

  private static float half(byte[] from, int index) {
    return HalfFloats.fromF16(PlainBlocks.bits16(from, index));
  }
}
