package io.alchemist.tensor.cpu;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.Arrays;

/**
 * Linear layers and embeddings over packed weights. A weight (N, K) lies as panels of {@code panelWidth} outputs, each
 * (K, panelWidth), the last one filled with 0.
 */
final class Linear {
  private static final int ROWS = Kernels.TILE_ROWS;
  private static final int ROW = 2;
  /** Lines copied at once to be cut into tiles. */
  private static final int LINES = 32;

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final Gemm gemm;
  private final InputGradient inputGradient;
  private final NarrowProduct narrow;
  private final int width;

  Linear(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
    this.gemm = new Gemm(kernels, pool, scratch);
    this.inputGradient = new InputGradient(kernels, pool, scratch, gemm);
    this.narrow = new NarrowProduct(kernels, pool, scratch, gemm);
    this.width = kernels.panelWidth();
  }

  Weight weight(int outputs, int inputs, MemoryScope scope, String label) {
    return new Weight(
        outputs, inputs, 0, scope.allocate(label, DType.F32, panels(outputs), inputs * width));
  }

  private int panels(int outputs) {
    return (outputs + width - 1) / width;
  }

  void pack(Tensor matrix, Weight weight) {
    int outputs = weight.outputs();
    int inputs = weight.inputs();
    int start = start(weight);
    Floats from = Floats.of(matrix);
    Floats to = Floats.of(weight.packed());
    pool.run(panels(outputs), (p, thread) -> {
      int rows = Math.min(width, outputs - p * width);
      float[] row = scratch[thread].floats(0, inputs);
      float[] panel = scratch[thread].floats(1, inputs * width);
      Arrays.fill(panel, 0, inputs * width, 0f);
      for (int r = 0; r < rows; r++) {
        from.load((p * width + r) * inputs, row, 0, inputs);
        kernels.transpose(1, inputs, row, 0, inputs, panel, r, width);
      }
      to.store(start + p * inputs * width, panel, 0, inputs * width);
    });
  }

  /** Where output 0 of the weight, which may be a slice, lies. */
  private int start(Weight w) {
    return w.firstOutput() / width * w.inputs() * width;
  }

  void matmul(float alpha, Tensor x, Weight w, float beta, Tensor y) {
    int inputs = w.inputs();
    Floats panels = Floats.of(w.packed());
    int start = start(w);
    Gemm.Right right = (panel, from, count, to, toOffset, own) ->
        panels.load(start + (panel * inputs + from) * width, to, toOffset, count * width);
    if (w.outputs() <= width && x.rows() > Gemm.STREAM_ROWS) {
      narrow.run(x.rows(), inputs, w.outputs(), Floats.of(x), right, alpha, beta, Floats.of(y));
      return;
    }
    gemm.run(
        x.rows(),
        inputs,
        w.outputs(),
        rowsOf(Floats.of(x), inputs),
        right,
        new Gemm.Streamed(panels.bytes(), panels.byteOffset(start)),
        alpha,
        beta,
        Floats.of(y));
  }

  /** The panels of w hold its columns as rows; so a block of them, transposed, is a block of a panel of wᵀ. */
  void matmulInputGradient(float alpha, Tensor dy, Weight w, float beta, Tensor dx) {
    int inputs = w.inputs();
    int outputs = w.outputs();
    Floats panels = Floats.of(w.packed());
    int start = start(w);
    if (dy.rows() <= inputGradient.mostRows()) {
      inputGradient.run(
          dy.rows(), outputs, inputs, alpha, Floats.of(dy), panels, start, beta, Floats.of(dx));
      return;
    }
    Gemm.Right right = (panel, from, count, to, toOffset, own) -> {
      int firstInput = panel * width;
      int cols = Math.min(width, inputs - firstInput);
      float[] block = own.floats(ROW, width * width);
      if (cols < width) {
        Arrays.fill(to, toOffset, toOffset + count * width, 0f);
      }
      for (int n = 0; n < count; n += width) {
        int panelOfW = (from + n) / width;
        panels.load(start + (panelOfW * inputs + firstInput) * width, block, 0, cols * width);
        kernels.transpose(
            cols, Math.min(width, count - n), block, 0, width, to, toOffset + n * width, width);
      }
    };
    if (inputs <= width) {
      narrow.run(dy.rows(), outputs, inputs, Floats.of(dy), right, alpha, beta, Floats.of(dx));
      return;
    }
    gemm.run(
        dy.rows(),
        outputs,
        inputs,
        rowsOf(Floats.of(dy), outputs),
        right,
        null,
        alpha,
        beta,
        Floats.of(dx));
  }

  void matmulWeightGradient(float alpha, Tensor dy, Tensor x, Tensor dw) {
    int outputs = dy.cols();
    int inputs = x.cols();
    Floats left = Floats.of(dy);
    Floats right = Floats.of(x);
    gemm.run(
        outputs,
        dy.rows(),
        inputs,
        columnsOf(left, outputs),
        (panel, from, count, to, toOffset, own) -> {
          int cols = Math.min(width, inputs - panel * width);
          if (cols < width) {
            Arrays.fill(to, toOffset, toOffset + count * width, 0f);
          }
          for (int t = 0; t < count; t++) {
            right.load((from + t) * inputs + panel * width, to, toOffset + t * width, cols);
          }
        },
        null,
        alpha,
        1,
        Floats.of(dw));
  }

  /** The rows of a row-major matrix, packed as the left side of a product. */
  private Gemm.Left rowsOf(Floats matrix, int cols) {
    int stride = cols + Scratch.ROWS_APART;
    return (row, rows, inner, to, toOffset, own) -> {
      float[] lines = own.floats(ROW, ROWS * stride);
      for (int first = 0; first < rows; first += ROWS) {
        int count = Math.min(ROWS, rows - first);
        int tile = toOffset + first * inner;
        if (count < ROWS) {
          Arrays.fill(to, tile, tile + inner * ROWS, 0f);
        }
        for (int r = 0; r < count; r++) {
          matrix.load((row + first + r) * cols, lines, r * stride, cols);
        }
        kernels.transpose(count, cols, lines, 0, stride, to, tile, ROWS);
      }
    };
  }

  /** The columns of a row-major matrix, likewise. They come from memory in long stretches: a copy of a few is all overhead. */
  private static Gemm.Left columnsOf(Floats matrix, int cols) {
    return (col, count, inner, to, toOffset, own) -> {
      int stride = (count + ROWS - 1) / ROWS * ROWS + Scratch.ROWS_APART;
      float[] lines = own.floats(ROW, LINES * stride);
      Arrays.fill(lines, 0, LINES * stride, 0f);
      for (int k = 0; k < inner; k += LINES) {
        int here = Math.min(LINES, inner - k);
        for (int r = 0; r < here; r++) {
          matrix.load((k + r) * cols + col, lines, r * stride, count);
        }
        for (int c = 0; c < count; c += ROWS) {
          copyTile(lines, c, stride, here, to, toOffset + c * inner + k * ROWS);
        }
      }
    };
  }

  /** (count, TILE_ROWS) of lines {@code stride} apart. */
  private static void copyTile(
      float[] lines, int offset, int stride, int count, float[] to, int toOffset) {
    for (int r = 0; r < count; r++) {
      for (int i = 0; i < ROWS; i++) {
        to[toOffset + r * ROWS + i] = lines[offset + r * stride + i];
      }
    }
  }

  void embed(Weight table, Tensor ids, Tensor out) {
    int cols = table.inputs();
    Floats panels = Floats.of(table.packed());
    Floats to = Floats.of(out);
    Ints id = Ints.of(ids);
    pool.run((out.rows() + 63) / 64, (piece, thread) -> {
      float[] row = scratch[thread].floats(ROW, cols);
      for (int t = piece * 64; t < Math.min(out.rows(), piece * 64 + 64); t++) {
        int output = table.firstOutput() + Checks.index(id.at(t), table.outputs(), "embed", "ids");
        int from = output / width * cols * width + output % width;
        for (int k = 0; k < cols; k++) {
          row[k] = panels.at(from + k * width);
        }
        to.store(t * cols, row, 0, cols);
      }
    });
  }

  /** Cut by columns: the same id may come twice. */
  void embedGradient(Tensor ids, Tensor dOut, Tensor dTable) {
    int cols = dOut.cols();
    int pieces = (cols + 255) / 256;
    Ints id = Ints.of(ids);
    Floats from = Floats.of(dOut);
    Floats to = Floats.of(dTable);
    pool.run(pieces, (piece, thread) -> {
      int first = piece * 256;
      int count = Math.min(256, cols - first);
      float[] d = scratch[thread].floats(ROW, count);
      float[] sum = scratch[thread].floats(ROW + 1, count);
      for (int t = 0; t < dOut.rows(); t++) {
        int row = Checks.index(id.at(t), dTable.rows(), "embedGradient", "ids");
        from.load(t * cols + first, d, 0, count);
        to.load(row * cols + first, sum, 0, count);
        for (int i = 0; i < count; i++) {
          sum[i] += d[i];
        }
        to.store(row * cols + first, sum, 0, count);
      }
    });
  }
}
