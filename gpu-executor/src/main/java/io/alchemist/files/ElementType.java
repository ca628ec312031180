package io.alchemist.files;

/**
 * How a file stores elements: in blocks of so many elements that take so many bytes. Plain numbers are blocks of one. The
 * quantised formats are those of GGUF.
 */
enum ElementType {
  F64(1, 8),
  F32(1, 4),
  F16(1, 2),
  BF16(1, 2),
  Q4_0(32, 18),
  Q4_1(32, 20),
  Q5_0(32, 22),
  Q5_1(32, 24),
  Q8_0(32, 34),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210);

  private final int blockElements;
  private final int blockBytes;

  ElementType(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  int blockElements() {
    return blockElements;
  }

  int blockBytes() {
    return blockBytes;
  }

  /** Bytes of so many elements, a multiple of {@link #blockElements}; throws ArithmeticException beyond a long. */
  long sizeBytes(long elements) {
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }

  /** Decodes whole blocks from the start of {@code from} to the start of {@code to}. */
  void decode(byte[] from, float[] to, int blocks) {
    switch (this) {
      case F64 -> PlainBlocks.f64(from, to, blocks);
      case F32 -> PlainBlocks.f32(from, to, blocks);
      case F16 -> PlainBlocks.f16(from, to, blocks);
      case BF16 -> PlainBlocks.bf16(from, to, blocks);
      case Q4_0 -> SmallBlocks.q4Symmetric(from, to, blocks);
      case Q4_1 -> SmallBlocks.q4WithMinimum(from, to, blocks);
      case Q5_0 -> SmallBlocks.q5Symmetric(from, to, blocks);
      case Q5_1 -> SmallBlocks.q5WithMinimum(from, to, blocks);
      case Q8_0 -> SmallBlocks.q8Symmetric(from, to, blocks);
      case Q4_K -> SuperBlocks.q4(from, to, blocks);
      case Q5_K -> SuperBlocks.q5(from, to, blocks);
      case Q6_K -> SuperBlocks.q6(from, to, blocks);
    }
  }
}
