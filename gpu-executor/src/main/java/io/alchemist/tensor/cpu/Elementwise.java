package io.alchemist.tensor.cpu;

import io.alchemist.tensor.AdamWStep;
import java.util.Arrays;

/** Operations on each element alone, and sums over all of them, in chunks of fixed size. */
final class Elementwise {
  private static final int CHUNK = 2048;
  private static final int CHUNKS_PER_PIECE = 8;
  private static final int PIECE = CHUNK * CHUNKS_PER_PIECE;

  /** What is done to one chunk: elements {@code from} to {@code from + count}. */
  private interface Chunk {
    void run(int from, int count, Scratch own);
  }

  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;

  Elementwise(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
  }

  private void chunks(int elements, Chunk chunk) {
    pool.run((int) (((long) elements + PIECE - 1) / PIECE), (piece, thread) -> {
      int end = Math.min(elements - piece * PIECE, PIECE);
      for (int i = 0; i < end; i += CHUNK) {
        chunk.run(piece * PIECE + i, Math.min(CHUNK, end - i), scratch[thread]);
      }
    });
  }

  void fill(int elements, Floats to, float value) {
    chunks(elements, (from, count, own) -> {
      float[] x = own.floats(0, CHUNK);
      Arrays.fill(x, 0, count, value);
      to.store(from, x, 0, count);
    });
  }

  void add(int elements, float alpha, Floats from, Floats to) {
    chunks(elements, (at, count, own) -> {
      float[] x = own.floats(0, CHUNK);
      float[] y = own.floats(1, CHUNK);
      from.load(at, x, 0, count);
      to.load(at, y, 0, count);
      for (int i = 0; i < count; i++) {
        y[i] += alpha * x[i];
      }
      to.store(at, y, 0, count);
    });
  }

  void swiGlu(int elements, Floats gate, Floats up, Floats out) {
    chunks(elements, (at, count, own) -> {
      float[] g = own.floats(0, CHUNK);
      float[] u = own.floats(1, CHUNK);
      float[] sigmoid = own.floats(2, CHUNK);
      gate.load(at, g, 0, count);
      up.load(at, u, 0, count);
      kernels.sigmoid(g, sigmoid, count);
      for (int i = 0; i < count; i++) {
        g[i] = g[i] * sigmoid[i] * u[i];
      }
      out.store(at, g, 0, count);
    });
  }

  /** silu'(z) = s (1 + z (1 - s)) with s = sigmoid(z). */
  void swiGluGradient(int elements, Floats gate, Floats up, Floats dOut, Floats dGate, Floats dUp) {
    chunks(elements, (at, count, own) -> {
      float[] g = own.floats(0, CHUNK);
      float[] u = own.floats(1, CHUNK);
      float[] sigmoid = own.floats(2, CHUNK);
      float[] d = own.floats(3, CHUNK);
      gate.load(at, g, 0, count);
      up.load(at, u, 0, count);
      dOut.load(at, d, 0, count);
      kernels.sigmoid(g, sigmoid, count);
      for (int i = 0; i < count; i++) {
        float s = sigmoid[i];
        float z = g[i];
        g[i] = d[i] * u[i] * (s * (1 + z * (1 - s)));
        u[i] = d[i] * (z * s);
      }
      dGate.store(at, g, 0, count);
      dUp.store(at, u, 0, count);
    });
  }

  /** Summed in double per piece, the pieces in order: the same for any number of threads. */
  double sumOfSquares(int elements, Floats x) {
    double[] sums = new double[(int) (((long) elements + PIECE - 1) / PIECE)];
    chunks(elements, (at, count, own) -> {
      float[] v = own.floats(0, CHUNK);
      x.load(at, v, 0, count);
      double a = 0;
      double b = 0;
      double c = 0;
      double d = 0;
      int i = 0;
      for (; i + 3 < count; i += 4) {
        a += (double) v[i] * v[i];
        b += (double) v[i + 1] * v[i + 1];
        c += (double) v[i + 2] * v[i + 2];
        d += (double) v[i + 3] * v[i + 3];
      }
      for (; i < count; i++) {
        a += (double) v[i] * v[i];
      }
      sums[at / PIECE] += (a + b) + (c + d);
    });
    double sum = 0;
    for (double s : sums) {
      sum += s;
    }
    return sum;
  }

  void adamW(
      int elements,
      Floats parameter,
      Floats gradient,
      Floats firstMoment,
      Floats secondMoment,
      AdamWStep step) {
    float correction1 = (float) (1 / (1 - Math.pow(step.beta1(), step.step())));
    float correction2 = (float) (1 / (1 - Math.pow(step.beta2(), step.step())));
    float beta1 = step.beta1();
    float beta2 = step.beta2();
    float rate = step.learningRate();
    float decay = rate * step.weightDecay();
    float epsilon = step.epsilon();
    float scale = step.gradientScale();
    chunks(elements, (at, count, own) -> {
      float[] p = own.floats(0, CHUNK);
      float[] g = own.floats(1, CHUNK);
      float[] m = own.floats(2, CHUNK);
      float[] v = own.floats(3, CHUNK);
      parameter.load(at, p, 0, count);
      gradient.load(at, g, 0, count);
      firstMoment.load(at, m, 0, count);
      secondMoment.load(at, v, 0, count);
      for (int i = 0; i < count; i++) {
        float d = g[i] * scale;
        m[i] = beta1 * m[i] + (1 - beta1) * d;
        v[i] = beta2 * v[i] + (1 - beta2) * d * d;
        float root = (float) Math.sqrt(v[i] * correction2);
        p[i] -= rate * (m[i] * correction1 / (root + epsilon)) + decay * p[i];
      }
      parameter.store(at, p, 0, count);
      firstMoment.store(at, m, 0, count);
      secondMoment.store(at, v, 0, count);
    });
  }
}
