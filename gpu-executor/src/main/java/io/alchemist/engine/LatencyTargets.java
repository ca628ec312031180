package io.alchemist.engine;

/**
 * What serving promises; training gets the time that is left.
 *
 * @param firstTokenMillis from a request's arrival to the first token of its answer
 * @param perTokenMillis from one token of an answer to the next
 * @param trainingPatienceMillis how long training waits for such time before it takes one slice all the same; so it goes
 *     on, slowly, under any load
 */
public record LatencyTargets(
    double firstTokenMillis, double perTokenMillis, double trainingPatienceMillis) {
  public static final LatencyTargets DEFAULT = new LatencyTargets(500, 50, 2_000);

  /**
   * Checks the targets.
   *
   * @throws IllegalArgumentException when one is not positive
   */
  public LatencyTargets {
    if (!(firstTokenMillis > 0) || !(perTokenMillis > 0) || !(trainingPatienceMillis > 0)) {
      throw new IllegalArgumentException("A time to the first token of " + firstTokenMillis
          + " ms, a time per token of " + perTokenMillis + " ms and a patience of "
          + trainingPatienceMillis + " ms can't be kept; give positive times.");
    }
  }
}
