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
 * @param recordFraction share of the requests of which it keeps anything
 */
public record LearningConfig(
    Trainable trainable,
    OptimizerConfig optimizer,
    TrainerConfig trainer,
    SavePlan recorded,
    double recordFraction) {

  /**
   * Checks the fraction.
   *
   * @throws IllegalArgumentException when it is none
   */
  public LearningConfig {
    if (!(recordFraction >= 0 && recordFraction <= 1)) {
      throw new IllegalArgumentException("The share of requests to record, " + recordFraction
          + ", is no fraction. Choose one from 0 (none) to 1 (all that memory allows).");
    }
  }

  /** Recording of every request. */
  public LearningConfig(
      Trainable trainable, OptimizerConfig optimizer, TrainerConfig trainer, SavePlan recorded) {
    this(trainable, optimizer, trainer, recorded, 1);
  }

  /** Recording all that backward can use. */
  public LearningConfig(Trainable trainable, OptimizerConfig optimizer, TrainerConfig trainer) {
    this(trainable, optimizer, trainer, SavePlan.A);
  }
}
