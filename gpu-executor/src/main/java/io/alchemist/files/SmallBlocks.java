package io.alchemist.files;

/**
 * Decodes GGUF's blocks of 32 elements: a float16 scale d, in some a float16 minimum m, in some the fifth bits of all
 * elements in 32 bits, then the quants q. Two 4-bit quants share a byte: element j has the low half of byte j, element
 * j + 16 the high half. Symmetric: x = d (q - half the range); with minimum: x = d q + m.
 */
final class SmallBlocks {
  private static final int ELEMENTS = 32;
  private static final int HALF = ELEMENTS / 2;

  private SmallBlocks() {}

  /** d, 32 signed bytes. */
  static void q8Symmetric(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q8_0.blockBytes();
      int out = block * ELEMENTS;
      float scale = half(from, in);
      for (int j = 0; j < ELEMENTS; j++) {
        to[out + j] = scale * from[in + 2 + j];
      }
    }
  }

  /** d, 16 bytes. */
  static void q4Symmetric(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q4_0.blockBytes();
      int out = block * ELEMENTS;
      float scale = half(from, in);
      for (int j = 0; j < HALF; j++) {
        int pair = from[in + 2 + j];
        to[out + j] = scale * ((pair & 15) - 8);
        to[out + j + HALF] = scale * (((pair >> 4) & 15) - 8);
      }
    }
  }

  /** d, m, 16 bytes. */
  static void q4WithMinimum(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q4_1.blockBytes();
      int out = block * ELEMENTS;
      float scale = half(from, in);
      float minimum = half(from, in + 2);
      for (int j = 0; j < HALF; j++) {
        int pair = from[in + 4 + j];
        to[out + j] = scale * (pair & 15) + minimum;
        to[out + j + HALF] = scale * ((pair >> 4) & 15) + minimum;
      }
    }
  }

  /** d, fifth bits, 16 bytes. */
  static void q5Symmetric(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q5_0.blockBytes();
      int out = block * ELEMENTS;
      float scale = half(from, in);
      int fifth = bits32(from, in + 2);
      for (int j = 0; j < HALF; j++) {
        int pair = from[in + 6 + j];
        to[out + j] = scale * (low5(pair, fifth, j) - 16);
        to[out + j + HALF] = scale * (high5(pair, fifth, j) - 16);
      }
    }
  }

  /** d, m, fifth bits, 16 bytes. */
  static void q5WithMinimum(byte[] from, float[] to, int blocks) {
    for (int block = 0; block < blocks; block++) {
      int in = block * ElementType.Q5_1.blockBytes();
      int out = block * ELEMENTS;
      float scale = half(from, in);
      float minimum = half(from, in + 2);
      int fifth = bits32(from, in + 4);
      for (int j = 0; j < HALF; j++) {
        int pair = from[in + 8 + j];
        to[out + j] = scale * low5(pair, fifth, j) + minimum;
        to[out + j + HALF] = scale * high5(pair, fifth, j) + minimum;
      }
    }
  }

  private static int low5(int pair, int fifth, int j) {
    return (pair & 15) | (((fifth >>> j) & 1) << 4);
  }

  private static int high5(int pair, int fifth, int j) {
    return ((pair >> 4) & 15) | (((fifth >>> (j + HALF)) & 1) << 4);
  }

  private static float half(byte[] from, int index) {
    return HalfFloats.fromF16(PlainBlocks.bits16(from, index));
  }

  private static int bits32(byte[] from, int index) {
    return (PlainBlocks.bits16(from, index) & 0xffff) | (PlainBlocks.bits16(from, index + 2) << 16);
  }
}
