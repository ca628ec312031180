package io.alchemist.model;

import io.alchemist.tensor.Tensor;
import java.util.List;

/**
 * The rows of one layer's backward pass. Rows are ordered so that those whose output has a gradient come first: all of them
 * in every layer but the last, where only the rows that predict something do.
 *
 * @param rows number of rows, T
 * @param activeRows how many of them, from the first, have a gradient on their output, A
 * @param positions I32 (1, T)
 * @param blocks all rows, in order; a block is active as a whole or not at all
 */
public record BackwardBatch(int rows, int activeRows, Tensor positions, List<RowBlock> blocks) {}
