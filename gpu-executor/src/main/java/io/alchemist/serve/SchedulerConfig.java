package io.alchemist.serve;

/**
 * Limits of serving.
 *
 * @param maxSequences sequences computed together
 * @param maxStepTokens tokens computed in one step; longer prompts are cut into chunks
 * @param maxQueued requests that wait; more are refused
 */
public record SchedulerConfig(int maxSequences, int maxStepTokens, int maxQueued) {

  /**
   * Checks the limits.
   *
   * @throws IllegalArgumentException naming the one that makes no sense
   */
  public SchedulerConfig {
    if (maxSequences < 1 || maxQueued < 1) {
      throw new IllegalArgumentException(
          "Serving needs room for at least one sequence and one waiting request, not "
              + maxSequences + " and " + maxQueued + ".");
    }
    if (maxStepTokens < maxSequences) {
      throw new IllegalArgumentException(
          "A step of " + maxStepTokens + " tokens can't give each of " + maxSequences
              + " sequences a token. Raise the step's tokens or lower the sequences.");
    }
  }
}
