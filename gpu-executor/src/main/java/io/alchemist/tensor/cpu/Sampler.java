package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Sampling;

/** Draws tokens, one row a piece; see {@link Sampling} for the rules. The whole vocabulary is never sorted without need. */
final class Sampler {
  private final Kernels kernels;
  private final CpuPool pool;
  private final Scratch[] scratch;
  private final TopTokens[] tokens;

  Sampler(Kernels kernels, CpuPool pool, Scratch[] scratch) {
    this.kernels = kernels;
    this.pool = pool;
    this.scratch = scratch;
    this.tokens = new TopTokens[scratch.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = new TopTokens();
    }
  }

  void sample(int rows, int cols, Floats logits, Sampling[] settings, Ints ids, Floats logProbs) {
    pool.run(rows, (r, thread) -> {
      float[] row = scratch[thread].floats(0, cols);
      logits.load(r * cols, row, 0, cols);
      float max = kernels.max(row, 0, cols);
      if (Float.isNaN(max)) {
        ids.set(r, -1);
        logProbs.set(r, Float.NaN);
        return;
      }
      int id = draw(row, cols, max, settings[r], scratch[thread], tokens[thread]);
      float[] chunk = scratch[thread].floats(1, Loss.CHUNK);
      double sum = Loss.logSumExp(kernels, logits, r * cols, cols, chunk);
      ids.set(r, id);
      logProbs.set(r, (float) (logits.at(r * cols + id) - sum));
    });
  }

  private int draw(
      float[] row, int cols, float max, Sampling setting, Scratch own, TopTokens tokens) {
    if (setting.temperature() == 0 || setting.topK() == 1 || Float.isInfinite(max)) {
      for (int i = 0; i < cols; i++) {
        if (row[i] == max) {
          return i;
        }
      }
    }
    // Weights exp((logit - max) / temperature), relative to the most likely token's.
    float[] weights = own.floats(2, cols);
    for (int i = 0; i < cols; i++) {
      weights[i] = Math.max((row[i] - max) / setting.temperature(), -200f);
    }
    kernels.expShifted(weights, 0, cols, 0, new float[Kernels.MAX_LANES], 0);

    double total = 0;
    if (setting.topK() > 0 && setting.topK() < cols) {
      long[] order = tokens.first(row, cols, setting.topK());
      for (int i = 0; i < setting.topK(); i++) {
        total += weights[TopTokens.id(order[i])];
      }
    } else {
      for (int i = 0; i < cols; i++) {
        total += weights[i];
      }
      double wanted = total * (setting.topP() < 1 ? setting.topP() : setting.uniform());
      collectMostLikely(row, cols, weights, wanted, tokens);
    }
    if (setting.topP() < 1) {
      total = tokens.keepPrefix(weights, setting.topP() * total);
    }
    tokens.keepPrefix(weights, Math.nextUp(setting.uniform() * total));
    return tokens.last();
  }

  /** The most likely tokens, in any order, so many that their weights exceed {@code wanted} or nothing is left out. */
  private static void collectMostLikely(
      float[] row, int cols, float[] weights, double wanted, TopTokens tokens) {
    float threshold = 1 / 16f;
    while (true) {
      tokens.clear(0);
      double sum = 0;
      for (int i = 0; i < cols; i++) {
        if (weights[i] >= threshold) {
          tokens.add(TopTokens.key(row[i], i));
          sum += weights[i];
        }
      }
      if (sum > wanted || threshold == 0) {
        return;
      }
      threshold = threshold > 1e-30f ? threshold * threshold : 0;
    }
  }

  void topLogProbs(int rows, int cols, int n, Floats logits, Ints ids, Floats logProbs) {
    pool.run(rows, (r, thread) -> {
      float[] row = scratch[thread].floats(0, cols);
      float[] chunk = scratch[thread].floats(1, Loss.CHUNK);
      logits.load(r * cols, row, 0, cols);
      double sum = Loss.logSumExp(kernels, logits, r * cols, cols, chunk);
      long[] first = tokens[thread].first(row, cols, n);
      for (int i = 0; i < n; i++) {
        int id = TopTokens.id(first[i]);
        ids.set(r * n + i, id);
        logProbs.set(r * n + i, (float) (row[id] - sum));
      }
    });
  }
}
