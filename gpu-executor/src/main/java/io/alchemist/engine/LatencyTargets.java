package io.alchemist.engine;

/**
 * What serving promises; training gets the time that is left.
 *
 * @param firstTokenMillis from a request's arrival to the first token of its answer
 * @param perTokenMillis from one token of an answer to the next
 * @param trainingPatienceMillis how long training waits for such time before it takes one slice all the same; so it goes
 *     on, slowly, under any load
 * @param trainingShare the most of the time that training takes while answers are computed, even where these would be in time
 *     with more: 0 for none, 1 for all that the targets leave
 */
public record LatencyTargets(
    double firstTokenMillis,
    double perTokenMillis,
    double trainingPatienceMillis,
    double trainingShare) {
  public static final LatencyTargets DEFAULT = new LatencyTargets(500, 50, 2_000, 0.1);

  /**
   * Checks the targets.
   *
   * @throws IllegalArgumentException when a time is not positive, or the share none
   */
  public LatencyTargets {
    if (!(firstTokenMillis > 0) || !(perTokenMillis > 0) || !(trainingPatienceMillis > 0)) {
      throw new IllegalArgumentException("A time to the first token of " + firstTokenMillis
          + " ms, a time per token of " + perTokenMillis + " ms and a patience of "
          + trainingPatienceMillis + " ms can't be kept; give positive times.");
    }
    if (!(trainingShare >= 0 && trainingShare <= 1)) {
      throw new IllegalArgumentException("Training can't have a share of " + trainingShare
          + " of the time; give a number from 0 (none beside answers) to 1.");
    }
  }
}
