package io.alchemist.spark.demo;

/**
 * A round of training, as the demo tells of it.
 *
 * @param round running number, from 1
 * @param fromVersion live before
 * @param version live after; the same where nothing was published
 * @param received feedback that it took
 * @param trained of this, trained on
 * @param quarantined of this or of earlier feedback that waited, set aside
 * @param examples in its gradient
 * @param loss mean per trained token before its first step; not a number where nothing was trained
 * @param reusedTokens prompt tokens whose forward pass serving had left, in steps that start from it
 * @param recomputedTokens prompt tokens forwarded again in the same steps
 * @param seconds in all
 */
public record RoundLine(
    long round,
    long fromVersion,
    long version,
    long received,
    long trained,
    long quarantined,
    int examples,
    double loss,
    long reusedTokens,
    long recomputedTokens,
    double seconds) {

  /** Whether it made a version that went live. */
  public boolean published() {
    return version != fromVersion;
  }
}
