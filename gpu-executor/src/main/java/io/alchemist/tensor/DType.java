package io.alchemist.tensor;

/** Element types of tensors. */
public enum DType {
  /** IEEE 754 single precision. */
  F32(4),
  /** The upper half of {@link #F32}. */
  BF16(2),
  /** Signed 32-bit integers: token ids, positions, page tables. */
  I32(4);

  private final int sizeBytes;

  DType(int sizeBytes) {
    this.sizeBytes = sizeBytes;
  }

  /** Bytes of one element. */
  public int sizeBytes() {
    return sizeBytes;
  }
}
