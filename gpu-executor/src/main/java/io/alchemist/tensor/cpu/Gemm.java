package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Y = alpha A B + beta Y, cut into pieces for the pool.
 *
 * <p>A's rows are first packed eight by eight, interleaved, once for all threads. A piece is a range of B's panels times a
 * range of A's tiles: it brings some panels of B into the cache as {@code (inner, panelWidth)} and runs {@link Kernels#tile}
 * along A. Each element is one chain of sums over k ascending, wherever it lies: k blocks pass it on through memory.
 */
final class Gemm {
  /** The left matrix: how its rows are packed. */
  interface Left {
    /**
     * Writes rows {@code row} to {@code row + rows} as tiles (inner, TILE_ROWS), one behind the other; what lies beyond the
     * rows as 0.
     */
    void pack(int row, int rows, int inner, float[] to, int toOffset, Scratch scratch);
  }

  /** The right matrix, by panels of columns. */
  interface Right {
    /** Writes rows {@code from} to {@code from + count} of a panel, (count, panelWidth), at {@code toOffset}. */
    void load(int panel, int from, int count, float[] to, int toOffset, Scratch scratch);
  }

  /** A right matrix that lies in native memory as panels (inner, panelWidth), and may be read from there. */
  record Streamed(ByteBuffer bytes, int offsetBytes) {}

  private static final int ROWS = Kernels.TILE_ROWS;
  /** Elements of A packed at once; bounds the scratch memory. */
  private static final int LEFT_BLOCK = 1 << 22;
  /** Up to this many rows a panel is not worth copying. */
  static final int STREAM_ROWS = 16;
  /** Multiply-adds of a piece that is worth a thread: some microseconds. */
  private static final long SMALLEST_PIECE = 1 << 19;

  private static final int PIECES_PER_THREAD = 6;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final Scratch shared = new Scratch();

  Gemm(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
  }

  /** Y has {@code rows} times {@code cols} elements, row-major without gaps. */
  void run(
      int rows,
      int inner,
      int cols,
      Left left,
      Right right,
      @Nullable Streamed streamed,
      float alpha,
      float beta,
      Floats y) {
    if (cols == 0) {
      return;
    }
    int block = Math.max(ROWS, LEFT_BLOCK / Math.max(1, inner) / ROWS * ROWS);
    for (int row = 0; row < rows; row += block) {
      runBlock(
          row, Math.min(block, rows - row), inner, cols, left, right, streamed, alpha, beta, y);
    }
  }

  private void runBlock(
      int firstRow,
      int rows,
      int inner,
      int cols,
      Left left,
      Right right,
      @Nullable Streamed streamed,
      float alpha,
      float beta,
      Floats y) {
    int tiles = (rows + ROWS - 1) / ROWS;
    float[] a = shared.floats(0, tiles * ROWS * inner);
    int packPieces = pieces((long) rows * inner * ROWS, tiles);
    pool.run(packPieces, (piece, thread) -> {
      int row = Cut.start(tiles, packPieces, piece) * ROWS;
      int end = Math.min(Cut.start(tiles, packPieces, piece + 1) * ROWS, rows);
      left.pack(firstRow + row, end - row, inner, a, row * inner, scratch[thread]);
    });

    int width = kernels.panelWidth();
    int panels = (cols + width - 1) / width;
    long multiplyAdds = (long) rows * inner * panels * width;
    if (streamed != null && rows <= STREAM_ROWS) {
      // Few rows take as long as the panels take to come from memory.
      multiplyAdds = Math.max(multiplyAdds, multiplyAdds / rows * ROWS);
    }
    int wanted = pieces(multiplyAdds, panels * tiles);
    int panelCuts = Math.min(panels, wanted);
    int tileCuts = Math.min(tiles, (wanted + panelCuts - 1) / panelCuts);
    pool.run(panelCuts * tileCuts, (piece, thread) -> {
      int panelCut = piece % panelCuts;
      int tileCut = piece / panelCuts;
      int row = Cut.start(tiles, tileCuts, tileCut) * ROWS;
      int pieceRows = Math.min(Cut.start(tiles, tileCuts, tileCut + 1) * ROWS, rows) - row;
      int lastPanel = Cut.start(panels, panelCuts, panelCut + 1);
      boolean stream = streamed != null && pieceRows <= STREAM_ROWS;
      PanelProduct product = new PanelProduct(
          kernels, inner, cols, a, right, stream ? streamed : null, alpha, beta, y, firstRow);
      int group = product.panelsAtOnce();
      for (int p = Cut.start(panels, panelCuts, panelCut); p < lastPanel; p += group) {
        product.run(p, Math.min(group, lastPanel - p), row, pieceRows, scratch[thread]);
      }
    });
  }

  /** How many pieces make good use of the threads, at most {@code most}. */
  int pieces(long multiplyAdds, int most) {
    long worth = Math.max(1, multiplyAdds / SMALLEST_PIECE);
    return (int)
        Math.max(1, Math.min(Math.min(worth, most), (long) PIECES_PER_THREAD * pool.threads()));
  }
}
