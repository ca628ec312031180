package io.alchemist.activation;

import java.util.Arrays;

/**
 * How long feedback takes to come: a histogram over buckets that grow by half an octave, from a second to a day, the newest counting
 * most. It begins with a log-normal guess, which a few dozen observations outweigh. Not thread-safe.
 */
final class FeedbackDelays {
  /** Longer than this nothing is waited for. */
  static final long HORIZON_MILLIS = 86_400_000;

  private static final int BUCKETS = 35;
  private static final double STEP = Math.log(2) / 2;
  private static final double SHORTEST_SECONDS = 1;
  private static final double GUESSED_MEDIAN_SECONDS = 60;
  private static final double GUESSED_SPREAD = 2;
  /** Observations that the guess counts as. */
  private static final double GUESS_WEIGHT = 10;
  /** What an observation still counts when the next one has come. */
  private static final double FORGETTING = 0.9995;

  private final double[] weights = new double[BUCKETS];
  /** Share of delays that end in a bucket or after it; one more, which is 0. */
  private final double[] survivors = new double[BUCKETS + 1];

  FeedbackDelays() {
    for (int i = 0; i < BUCKETS; i++) {
      double z = (i * STEP - Math.log(GUESSED_MEDIAN_SECONDS / SHORTEST_SECONDS)) / GUESSED_SPREAD;
      weights[i] = Math.exp(-z * z / 2);
    }
    double sum = Arrays.stream(weights).sum();
    for (int i = 0; i < BUCKETS; i++) {
      weights[i] *= GUESS_WEIGHT / sum;
    }
    sumUp();
  }

  void observe(long delayMillis) {
    for (int i = 0; i < BUCKETS; i++) {
      weights[i] *= FORGETTING;
    }
    weights[(int) place(delayMillis)]++;
    sumUp();
  }

  private void sumUp() {
    double sum = 0;
    for (int i = BUCKETS - 1; i >= 0; i--) {
      sum += weights[i];
      survivors[i] = sum;
    }
    for (int i = 0; i < BUCKETS; i++) {
      survivors[i] /= sum;
    }
  }

  /** Share of the feedback that takes longer than this, log-linearly within a bucket. */
  double survival(long ageMillis) {
    double place = place(ageMillis);
    int bucket = (int) place;
    double within = place - bucket;
    return (1 - within) * survivors[bucket] + within * survivors[bucket + 1];
  }

  /** The bucket, and how far into it. */
  private static double place(long millis) {
    // A clock may be set back.
    double place = Math.log(Math.max(1, millis) / (1000 * SHORTEST_SECONDS)) / STEP;
    return Math.max(0, Math.min(BUCKETS - 1e-9, place));
  }
}
