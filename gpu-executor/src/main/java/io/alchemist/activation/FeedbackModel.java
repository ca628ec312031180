package io.alchemist.activation;

import java.util.Arrays;

/**
 * The chance that a turn is ever given feedback, learnt as turns and feedback come. A logistic regression over hashed features, by
 * AdaGrad (Duchi et al. 2011, JMLR 12).
 *
 * <p>Feedback comes late, so each turn is learnt as one without at once, and as one with when it comes: what is
 * learnt is p / (1 + p), from which p follows (Ktena et al. 2019, RecSys, arXiv 1907.06558). So nothing has to be
 * waited for before it counts. Until as much time has passed as feedback takes, all chances are too low alike, which leaves
 * their order right. Not thread-safe.
 */
final class FeedbackModel {
  private static final int WEIGHTS = 1 << 16;
  private static final double RATE = 0.15;
  /** Damps the first steps. */
  private static final double FIRST_SQUARES = 1;
  /** Of every turn, before anything is known. */
  private static final double GUESS = 0.05;

  private static final double MOST = 0.99;

  private final float[] weights = new float[WEIGHTS];
  private final float[] squares = new float[WEIGHTS];
  private final double bias = Math.log(GUESS);

  FeedbackModel() {
    Arrays.fill(squares, (float) FIRST_SQUARES);
  }

  /** The index of a feature's weight. */
  static int feature(int kind, int value) {
    int z = (kind * 0x9E3779B9 + value) * 0x85EBCA6B;
    z = (z ^ (z >>> 15)) * 0xC2B2AE35;
    return (z ^ (z >>> 16)) & (WEIGHTS - 1);
  }

  private double score(int[] features) {
    double score = bias;
    for (int f : features) {
      score += weights[f];
    }
    return score;
  }

  /** The chance, below 1. */
  double chance(int[] features) {
    return Math.min(MOST, Math.exp(score(features)));
  }

  /** Learns a turn: once when it has come, without feedback yet. */
  void turn(int[] features) {
    step(features, 1 / (1 + Math.exp(-score(features))));
  }

  /**
   * Learns that feedback has come.
   *
   * @param weight above 1 where some feedback is never heard of, so that this one stands for more
   */
  void feedback(int[] features, double weight) {
    step(features, -weight / (1 + Math.exp(score(features))));
  }

  private void step(int[] features, double gradient) {
    for (int f : features) {
      squares[f] += (float) (gradient * gradient);
      weights[f] -= (float) (RATE * gradient / Math.sqrt(squares[f]));
    }
  }
}
