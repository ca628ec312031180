package io.alchemist.engine;

import io.alchemist.model.SavePlan;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.Trainable;

/**
 * What is trained and how.
 *
 * @param trainable an adapter or the whole model
 * @param optimizer its numbers
 * @param trainer sizes
 * @param recorded the most that serving keeps for it of each prompt
 */
public record LearningConfig(
    Trainable trainable, OptimizerConfig optimizer, TrainerConfig trainer, SavePlan recorded) {

  /** Recording all that backward can use. */
  public LearningConfig(Trainable trainable, OptimizerConfig optimizer, TrainerConfig trainer) {
    this(trainable, optimizer, trainer, SavePlan.A);
  }
}
