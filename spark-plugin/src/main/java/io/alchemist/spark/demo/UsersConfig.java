package io.alchemist.spark.demo;

import java.util.SplittableRandom;

/**
 * How many users there are and how busy they are.
 *
 * @param users virtual users
 * @param threads that they share; so many requests are under way at once
 * @param meanThinkMillis between two visits of a user; single pauses are between half and one and a half of it
 * @param appendIntervalMillis how often the system outside appends the rows it has collected
 * @param seed of all that they do
 */
public record UsersConfig(
    int users, int threads, double meanThinkMillis, long appendIntervalMillis, long seed) {

  /** Eight users on four threads, with about a question every two seconds each. */
  public static UsersConfig defaults(long seed) {
    return new UsersConfig(8, 4, 1_500, 1_500, seed);
  }

  /** Three users who are never there at once and away for seconds, for models that are slow where they run. */
  public static UsersConfig patient(long seed) {
    return new UsersConfig(3, 1, 5_000, 1_500, seed);
  }

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException naming the one that makes no sense
   */
  public UsersConfig {
    if (users < 1 || threads < 1) {
      throw new IllegalArgumentException(
          users + " users on " + threads + " threads do nothing; there must be one of each.");
    }
    if (!(meanThinkMillis >= 0) || appendIntervalMillis < 1) {
      throw new IllegalArgumentException("A think time of " + meanThinkMillis
          + " ms and an append interval of " + appendIntervalMillis + " ms make no sense.");
    }
  }

  /** The same users when they come again, who ask other things. */
  UsersConfig again() {
    return new UsersConfig(
        users,
        threads,
        meanThinkMillis,
        appendIntervalMillis,
        new SplittableRandom(seed).nextLong());
  }
}
