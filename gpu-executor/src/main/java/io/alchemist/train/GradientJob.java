package io.alchemist.train;

import java.util.List;

/**
 * Examples whose gradient is to be added to a sum.
 *
 * @param examples what to learn from
 * @param reuse where prompts' forward results come from
 * @param into receives the gradient
 */
public record GradientJob(List<TrainingExample> examples, Reuse reuse, GradientSum into) {
  public GradientJob {
    examples = List.copyOf(examples);
    if (examples.isEmpty()) {
      throw new IllegalArgumentException("A gradient of no examples: give at least one.");
    }
  }
}
