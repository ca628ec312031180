package io.alchemist.weights;

import io.alchemist.tensor.Tensor;

/**
 * The weights of one decoder layer. A view; owns nothing.
 *
 * @param attentionNorm gain of the norm before attention (1, hidden)
 * @param q hidden to query heads
 * @param k hidden to key heads
 * @param v hidden to value heads
 * @param o query heads to hidden
 * @param ffnNorm gain of the norm before the feed-forward network (1, hidden)
 * @param gate hidden to feed-forward
 * @param up hidden to feed-forward
 * @param down feed-forward to hidden
 */
public record LayerWeights(
    Tensor attentionNorm,
    Linear q,
    Linear k,
    Linear v,
    Linear o,
    Tensor ffnNorm,
    Linear gate,
    Linear up,
    Linear down) {}
