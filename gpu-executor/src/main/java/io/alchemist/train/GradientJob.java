package io.alchemist.train;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Examples whose gradient is to be added to a sum, or whose loss alone is wanted.
 *
 * @param examples what to learn from
 * @param reuse where prompts' forward results come from
 * @param into receives the gradient; null computes the loss alone
 */
public record GradientJob(List<TrainingExample> examples, Reuse reuse, @Nullable GradientSum into) {
  public GradientJob {
    examples = List.copyOf(examples);
    if (examples.isEmpty()) {
      throw new IllegalArgumentException("A gradient of no examples: give at least one.");
    }
  }
}
