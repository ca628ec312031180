package io.alchemist.cache;

/**
 * Where the rows of a {@link Logged} lie in one host block, which holds one layer: all rows of field 0, of field 1 and so on,
 * then the rows of keys, then of values. Each part begins at a multiple of {@value #ALIGNMENT} bytes. Fields that a block lacks
 * take no room: {@link #only} is its layout.
 *
 * <p>Immutable.
 */
public final class BlockLayout {
  /** Bytes at whose multiples the parts begin. */
  public static final int ALIGNMENT = 64;

  private final int[] fieldRowBytes;
  private final int kvRowBytes;
  /** By mask. */
  private final BlockLayout[] some;

  /**
   * @param fieldRowBytes bytes of one row of each field
   * @param kvRowBytes bytes of one row of keys, and of values
   */
  public BlockLayout(int[] fieldRowBytes, int kvRowBytes) {
    for (int bytes : fieldRowBytes) {
      if (bytes <= 0) {
        throw new IllegalArgumentException("A field has rows of " + bytes + " bytes");
      }
    }
    if (kvRowBytes <= 0) {
      throw new IllegalArgumentException("Keys have rows of " + kvRowBytes + " bytes");
    }
    this.fieldRowBytes = fieldRowBytes.clone();
    this.kvRowBytes = kvRowBytes;
    this.some = new BlockLayout[1 << fieldRowBytes.length];
    for (int mask = 0; mask < some.length; mask++) {
      some[mask] = new BlockLayout(this, mask);
    }
  }

  private BlockLayout(BlockLayout all, int mask) {
    this.fieldRowBytes = all.fieldRowBytes.clone();
    for (int f = 0; f < fieldRowBytes.length; f++) {
      if ((mask & 1 << f) == 0) {
        fieldRowBytes[f] = 0;
      }
    }
    this.kvRowBytes = all.kvRowBytes;
    this.some = all.some;
  }

  /** The layout of blocks with these fields only, given as bits. */
  public BlockLayout only(int mask) {
    return some[mask];
  }

  /** Fields that a block may have. */
  public int fields() {
    return fieldRowBytes.length;
  }

  /** Bytes of one row of a field; 0 for one that the block lacks. */
  public int fieldRowBytes(int field) {
    return fieldRowBytes[field];
  }

  /** Bytes of one row of keys or values. */
  public int kvRowBytes() {
    return kvRowBytes;
  }

  /** Where row {@code row} of a field begins in a block of {@code count} rows. */
  public long fieldOffset(int field, int count, int row) {
    checkRow(count, row);
    return partOffset(field, count) + (long) row * fieldRowBytes[field];
  }

  /** Where row {@code row} of the keys begins in a block of {@code count} rows. */
  public long keysOffset(int count, int row) {
    checkRow(count, row);
    return partOffset(fieldRowBytes.length, count) + (long) row * kvRowBytes;
  }

  /** Where row {@code row} of the values begins in a block of {@code count} rows. */
  public long valuesOffset(int count, int row) {
    return keysOffset(count, row) + aligned((long) count * kvRowBytes);
  }

  /** Bytes of a block of {@code count} rows. */
  public long sizeBytes(int count) {
    return partOffset(fieldRowBytes.length, count) + 2 * aligned((long) count * kvRowBytes);
  }

  private long partOffset(int field, int count) {
    long at = 0;
    for (int i = 0; i < field; i++) {
      at += aligned((long) count * fieldRowBytes[i]);
    }
    return at;
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void checkRow(int count, int row) {
    if (row < 0 || row >= count) {
      throw new IndexOutOfBoundsException("row " + row + " of a block of " + count + " rows");
    }
  }
}
