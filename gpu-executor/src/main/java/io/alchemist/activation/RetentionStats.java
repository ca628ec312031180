package io.alchemist.activation;

/**
 * What is expected of feedback, and what has come.
 *
 * @param turns seen
 * @param expectedFeedback sum of their chances when they came
 * @param feedback turns that got some; near {@code expectedFeedback} when the chances are right
 * @param strayFeedback pieces of feedback on turns that are not remembered any more, or were served elsewhere
 */
public record RetentionStats(
    long turns, double expectedFeedback, long feedback, long strayFeedback) {
  /** Where nothing is learnt. */
  public static final RetentionStats NOTHING = new RetentionStats(0, 0, 0, 0);
}
