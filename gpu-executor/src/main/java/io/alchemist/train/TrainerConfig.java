package io.alchemist.train;

/**
 * Sizes of the trainer.
 *
 * @param microBatchTokens rows of one pass at most, and so the longest example
 * @param maxLogits logits held at once
 * @param maxQueuedJobs jobs waiting at most
 */
public record TrainerConfig(int microBatchTokens, int maxLogits, int maxQueuedJobs) {
  public TrainerConfig {
    if (microBatchTokens < 1 || maxLogits < 1 || maxQueuedJobs < 1) {
      throw new IllegalArgumentException(
          "A trainer needs room for at least one token, logit and job, not " + microBatchTokens
              + ", " + maxLogits + " and " + maxQueuedJobs);
    }
  }
}
