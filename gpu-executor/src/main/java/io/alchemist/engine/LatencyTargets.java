package io.alchemist.engine;

/**
 * What serving promises; training gets the time that is left.
 *
 * @param perTokenMillis from one token of an answer to the next
 * @param trainingPatienceMillis how long training waits for such time before it takes one slice all the same; so it goes
 *     on, slowly, under any load
 */
public record LatencyTargets(double perTokenMillis, double trainingPatienceMillis) {
  public static final LatencyTargets DEFAULT = new LatencyTargets(50, 2_000);

  /**
   * Checks the targets.
   *
   * @throws IllegalArgumentException when one is not positive
   */
  public LatencyTargets {
    if (!(perTokenMillis > 0) || !(trainingPatienceMillis > 0)) {
      throw new IllegalArgumentException(
          "A time per token of " + perTokenMillis + " ms and a patience of "
              + trainingPatienceMillis + " ms can't be kept; give positive times.");
    }
  }
}
