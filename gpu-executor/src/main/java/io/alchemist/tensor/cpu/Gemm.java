package io.alchemist.tensor.cpu;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Y = alpha A B + beta Y, cut into pieces for the pool.
 *
 * <p>A's rows are first packed eight by eight, interleaved, once for all threads. A piece is a range of B's panels times a
 * range of A's tiles: it brings a panel of B into the cache as {@code (inner, panelWidth)} and runs {@link Kernels#tile}
 * along A. Each element is one chain of sums over k ascending, wherever it lies: k blocks pass it on through memory.
 */
final class Gemm {
  /** The left matrix: how its rows are packed. */
  interface Left {
    /** Writes rows {@code row} to {@code row + rows} as (inner, TILE_ROWS); what lies beyond them as 0. */
    void pack(int row, int rows, int inner, float[] to, int toOffset, Scratch scratch);
  }

  /** The right matrix, by panels of columns. */
  interface Right {
    /** Writes rows {@code from} to {@code from + count} of a panel, (count, panelWidth). */
    void load(int panel, int from, int count, float[] to, Scratch scratch);
  }

  /** A right matrix that lies in native memory as panels (inner, panelWidth), and may be read from there. */
  record Streamed(ByteBuffer bytes, int offsetBytes) {}

  private static final int ROWS = Kernels.TILE_ROWS;
  /** Rows of a panel worked on at once: with a tile of A it stays in the second-level cache. */
  private static final int INNER_BLOCK = 1024;
  /** Elements of A packed at once; bounds the scratch memory. */
  private static final int LEFT_BLOCK = 1 << 22;
  /** Up to this many rows a panel is not worth copying. */
  private static final int STREAM_ROWS = 16;
  /** Multiply-adds of a piece that is worth a thread: some microseconds. */
  private static final long SMALLEST_PIECE = 1 << 19;

  private static final int PIECES_PER_THREAD = 6;
  private static final int PANEL = 0;
  private static final int TILES = 1;

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
    int tileSize = inner * ROWS;
    float[] a = shared.floats(0, tiles * tileSize);
    int packPieces = pieces((long) rows * inner * ROWS, tiles);
    pool.run(packPieces, (piece, thread) -> {
      for (int t = tiles * piece / packPieces; t < tiles * (piece + 1) / packPieces; t++) {
        int row = t * ROWS;
        left.pack(
            firstRow + row, Math.min(ROWS, rows - row), inner, a, t * tileSize, scratch[thread]);
      }
    });

    int width = kernels.panelWidth();
    int panels = (cols + width - 1) / width;
    int wanted = pieces((long) rows * inner * panels * width, panels * tiles);
    int panelCuts = Math.min(panels, wanted);
    int tileCuts = Math.min(tiles, (wanted + panelCuts - 1) / panelCuts);
    pool.run(panelCuts * tileCuts, (piece, thread) -> {
      int panelCut = piece % panelCuts;
      int tileCut = piece / panelCuts;
      int firstTile = (int) ((long) tiles * tileCut / tileCuts);
      int lastTile = (int) ((long) tiles * (tileCut + 1) / tileCuts);
      int lastPanel = (int) ((long) panels * (panelCut + 1) / panelCuts);
      for (int p = (int) ((long) panels * panelCut / panelCuts); p < lastPanel; p++) {
        int pieceRows = Math.min(lastTile * ROWS, rows) - firstTile * ROWS;
        float[] c = multiplyPanel(
            p,
            pieceRows,
            inner,
            a,
            firstTile * tileSize,
            right,
            pieceRows <= STREAM_ROWS ? streamed : null,
            scratch[thread]);
        kernels.write(
            pieceRows,
            Math.min(width, cols - p * width),
            alpha,
            c,
            0,
            width,
            beta,
            y.bytes(),
            y.byteOffset((firstRow + firstTile * ROWS) * cols + p * width),
            cols);
      }
    });
  }

  /** The product of some rows with one panel, (rows, panelWidth). */
  private float[] multiplyPanel(
      int panel,
      int rows,
      int inner,
      float[] a,
      int aOffset,
      Right right,
      @Nullable Streamed streamed,
      Scratch own) {
    int width = kernels.panelWidth();
    int padded = (rows + ROWS - 1) / ROWS * ROWS;
    float[] c = own.floats(TILES, padded * width);
    Arrays.fill(c, 0, padded * width, 0f);
    float[] b = own.floats(PANEL, streamed != null ? 0 : Math.min(inner, INNER_BLOCK) * width);
    for (int k = 0; k < inner; k += INNER_BLOCK) {
      int count = Math.min(INNER_BLOCK, inner - k);
      if (streamed == null) {
        right.load(panel, k, count, b, own);
      }
      for (int row = 0; row < rows; row += ROWS) {
        int tileRows = Math.min(ROWS, rows - row);
        int from = aOffset + row * inner + k * ROWS;
        if (streamed == null) {
          kernels.tile(tileRows, a, from, b, 0, count, c, row * width, width);
        } else {
          int offset = streamed.offsetBytes() + (panel * inner + k) * width * Float.BYTES;
          kernels.tile(tileRows, a, from, streamed.bytes(), offset, count, c, row * width, width);
        }
      }
    }
    return c;
  }

  private int pieces(long multiplyAdds, int most) {
    long worth = Math.max(1, multiplyAdds / SMALLEST_PIECE);
    return (int)
        Math.max(1, Math.min(Math.min(worth, most), (long) PIECES_PER_THREAD * pool.threads()));
  }
}
