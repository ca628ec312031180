package io.alchemist.model;

import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;

/**
 * Rows that go through a layer together. Rows are ordered so that those whose output is wanted come first: all of them, but
 * in the last layer of a training pass only those that predict something; of the others only keys and values are computed.
 *
 * @param rows number of rows, T
 * @param activeRows how many of them, from the first, have their output computed
 * @param positions I32 (1, T): position of each row in its sequence
 * @param slots I32 (1, T): where each row's key and value go
 * @param attention what each active row sees
 */
public record ForwardBatch(
    int rows, int activeRows, Tensor positions, Tensor slots, RaggedBatch attention) {}
