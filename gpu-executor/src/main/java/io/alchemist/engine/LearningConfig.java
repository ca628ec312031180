package io.alchemist.engine;

import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.Trainable;

/**
 * What is trained and how.
 *
 * @param trainable an adapter or the whole model
 * @param optimizer its numbers
 * @param trainer sizes
 */
public record LearningConfig(
    Trainable trainable, OptimizerConfig optimizer, TrainerConfig trainer) {}
