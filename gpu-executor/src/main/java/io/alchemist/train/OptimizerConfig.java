package io.alchemist.train;

/**
 * The numbers of AdamW.
 *
 * @param learningRate over the steps
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay of matrices; norm gains are not decayed
 * @param clipNorm a gradient with a larger norm is scaled down to it; 0 does not clip
 */
public record OptimizerConfig(
    LearningRate learningRate,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay,
    float clipNorm) {

  /** The usual numbers, at a constant learning rate and without decay. */
  public static OptimizerConfig withRate(float learningRate) {
    return new OptimizerConfig(LearningRate.constant(learningRate, 0), 0.9f, 0.999f, 1e-8f, 0, 1);
  }
}
