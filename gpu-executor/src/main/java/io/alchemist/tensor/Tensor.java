package io.alchemist.tensor;

import org.jspecify.annotations.Nullable;

/**
 * A dense matrix (rows, cols) in device memory, row-major. A vector is a matrix of one row. Either owns its memory, which
 * {@link #close} gives back to its {@link MemoryScope}, or is a view of another tensor's.
 *
 * <p>Shape and type may be read on any thread; the elements belong to the back end's queues.
 */
public final class Tensor implements AutoCloseable {
  private final DType type;
  private final int rows;
  private final int cols;
  private final Storage storage;
  private final long offsetBytes;
  private final @Nullable Allocation allocation;

  private Tensor(
      DType type,
      int rows,
      int cols,
      Storage storage,
      long offsetBytes,
      @Nullable Allocation allocation) {
    this.type = type;
    this.rows = rows;
    this.cols = cols;
    this.storage = storage;
    this.offsetBytes = offsetBytes;
    this.allocation = allocation;
  }

  static Tensor owning(DType type, int rows, int cols, Allocation allocation) {
    return new Tensor(type, rows, cols, allocation.storage(), 0, allocation);
  }

  public DType type() {
    return type;
  }

  public int rows() {
    return rows;
  }

  public int cols() {
    return cols;
  }

  /** Number of elements. */
  public long elements() {
    return (long) rows * cols;
  }

  /** Bytes of the elements. */
  public long sizeBytes() {
    return elements() * type.sizeBytes();
  }

  /** The memory behind it, for back ends. */
  public Storage storage() {
    return storage;
  }

  /** Where the first element lies in {@link #storage}, for back ends. */
  public long offsetBytes() {
    return offsetBytes;
  }

  /** A view of {@code count} rows from row {@code from}. */
  public Tensor rows(int from, int count) {
    if (from < 0 || count < 0 || from > rows - count) {
      throw new IndexOutOfBoundsException(
          "rows " + from + " to " + ((long) from + count) + " of " + this);
    }
    return new Tensor(
        type, count, cols, storage, offsetBytes + (long) from * cols * type.sizeBytes(), null);
  }

  /** A view of consecutive elements in another shape: {@code rows x cols} elements from element {@code from}. */
  public Tensor view(long from, int newRows, int newCols) {
    long count = (long) newRows * newCols;
    if (from < 0 || newRows < 0 || newCols < 0 || from > elements() - count) {
      throw new IndexOutOfBoundsException(
          "a (" + newRows + ", " + newCols + ") view from element " + from + " of " + this);
    }
    return new Tensor(type, newRows, newCols, storage, offsetBytes + from * type.sizeBytes(), null);
  }

  /** Gives the memory back, if this tensor owns it. Does nothing for a view. Closing twice is an error. */
  @Override
  public void close() {
    if (allocation != null) {
      allocation.release();
    }
  }

  @Override
  public String toString() {
    return type + " (" + rows + ", " + cols + ")";
  }
}
