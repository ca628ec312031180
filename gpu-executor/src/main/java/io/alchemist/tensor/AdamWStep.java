package io.alchemist.tensor;

/**
 * The numbers of one AdamW update (Loshchilov and Hutter 2019, arXiv 1711.05101).
 *
 * @param learningRate of this step, warm-up included
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay, times the learning rate
 * @param step counts from 1, for the bias corrections
 * @param gradientScale multiplies the gradient first: 1 / batch weight, times the clipping factor
 */
public record AdamWStep(
    float learningRate,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay,
    int step,
    float gradientScale) {}
