package io.alchemist.tensor.cpu;

/** Copies within the device's memory. */
final class Moves {
  /** Elements of a piece that is worth a thread. */
  private static final int PIECE = 1 << 15;

  private final CpuPool pool;

  Moves(CpuPool pool) {
    this.pool = pool;
  }

  /** {@code bytes} bytes from one place to another; the two don't overlap. */
  void copy(CpuBlock from, int fromOffset, CpuBlock to, int toOffset, int bytes) {
    int piece = PIECE * Float.BYTES;
    pool.run((bytes + piece - 1) / piece, (i, thread) -> {
      int done = i * piece;
      to.bytes()
          .put(toOffset + done, from.bytes(), fromOffset + done, Math.min(piece, bytes - done));
    });
  }

  /** to[rows[i]] = from[i]; {@code toRows} bounds what is in {@code rows}. */
  void scatter(Floats from, Ints rows, int count, int cols, Floats to, int toRows) {
    stretches(
        "scatterRows",
        rows,
        count,
        cols,
        toRows,
        (i, row, stretch) -> to.store(row * cols, from, i * cols, stretch * cols));
  }

  /** to[i] = from[rows[i]]; {@code fromRows} bounds what is in {@code rows}. */
  void gather(Floats from, int fromRows, Ints rows, int count, int cols, Floats to) {
    stretches(
        "gatherRows",
        rows,
        count,
        cols,
        fromRows,
        (i, row, stretch) -> to.store(i * cols, from, row * cols, stretch * cols));
  }

  /** Consecutive rows that are consecutive on the other side too. */
  private interface Stretch {
    void move(int index, int row, int count);
  }

  /** Slots come in pages: rows one behind the other are moved together. */
  private void stretches(String verb, Ints rows, int count, int cols, int bound, Stretch stretch) {
    int rowsOfPiece = Math.max(1, PIECE / Math.max(1, cols));
    pool.run((count + rowsOfPiece - 1) / rowsOfPiece, (piece, thread) -> {
      int end = Math.min(count, (piece + 1) * rowsOfPiece);
      for (int i = piece * rowsOfPiece; i < end; ) {
        int row = Checks.index(rows.at(i), bound, verb, "rows");
        int together = 1;
        while (i + together < end && rows.at(i + together) == row + together) {
          together++;
        }
        Checks.index(row + together - 1, bound, verb, "rows");
        stretch.move(i, row, together);
        i += together;
      }
    });
  }
}
