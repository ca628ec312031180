package io.alchemist.train;

/**
 * What went into a gradient.
 *
 * @param examples number of examples
 * @param loss sum over tokens of weight times negative log-likelihood
 * @param weight sum of the weights' absolute values
 * @param predictingTokens tokens forwarded because they predict
 * @param reusedTokens prompt tokens whose forward pass was reused, counted for each example
 * @param recomputedTokens prompt tokens that were forwarded again
 * @param rows rows of the backward passes: shared prompts count once
 * @param microBatches passes
 * @param forwardNanos time of the forward slices, planning included
 * @param backwardNanos time of the loss and the backward slices
 * @param predictedNanos what all of this should have taken, as the planner saw it; 0 before it knew
 */
public record GradientReport(
    int examples,
    double loss,
    double weight,
    long predictingTokens,
    long reusedTokens,
    long recomputedTokens,
    long rows,
    int microBatches,
    long forwardNanos,
    long backwardNanos,
    long predictedNanos) {
  /** Of no example. */
  public static final GradientReport NOTHING = new GradientReport(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  /** Both together. */
  public GradientReport plus(GradientReport other) {
    return new GradientReport(
        examples + other.examples,
        loss + other.loss,
        weight + other.weight,
        predictingTokens + other.predictingTokens,
        reusedTokens + other.reusedTokens,
        recomputedTokens + other.recomputedTokens,
        rows + other.rows,
        microBatches + other.microBatches,
        forwardNanos + other.forwardNanos,
        backwardNanos + other.backwardNanos,
        predictedNanos + other.predictedNanos);
  }

  /** Time of all slices. */
  public long busyNanos() {
    return forwardNanos + backwardNanos;
  }

  /** The same with other times. */
  GradientReport withTimes(long forward, long backward, long predicted) {
    return new GradientReport(
        examples,
        loss,
        weight,
        predictingTokens,
        reusedTokens,
        recomputedTokens,
        rows,
        microBatches,
        forward,
        backward,
        predicted);
  }

  /** Loss per weighted token. */
  public double meanLoss() {
    return loss / weight;
  }

  /** Prompt and completion tokens trained on. */
  public long tokens() {
    return predictingTokens + reusedTokens + recomputedTokens;
  }

  /** Share of these whose forward pass was reused: the design's p. */
  public double reusedShare() {
    return tokens() == 0 ? 0 : (double) reusedTokens / tokens();
  }
}
