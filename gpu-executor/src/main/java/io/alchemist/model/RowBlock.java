package io.alchemist.model;

import io.alchemist.tensor.RaggedBatch;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive rows of a backward pass whose activations lie together in memory.
 *
 * @param firstRow of the block, among the rows of the pass
 * @param rows number of rows
 * @param attention what each row of the block sees, query rows counted from the block's first; null where no row of it has
 *     a gradient on its output
 */
public record RowBlock(int firstRow, int rows, @Nullable RaggedBatch attention) {}
