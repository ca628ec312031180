package io.alchemist.engine;

import io.alchemist.train.GradientReport;

/**
 * An update of the weights.
 *
 * @param version the version it made, which is live
 * @param step counts from 1
 * @param batch what went into the gradient
 * @param gradientNorm of the mean gradient, before clipping
 */
public record TrainingStep(long version, int step, GradientReport batch, double gradientNorm) {}
