package io.alchemist.serve;

import io.alchemist.weights.WeightSet;
import java.util.List;

/**
 * One pass through the model: rows of several sequences, all of one weight version.
 *
 * @param weights that version
 * @param chunks what to compute
 * @param record whether to keep the activations
 */
record StepPlan(WeightSet weights, List<Chunk> chunks, boolean record) {

  /** The next {@code count} tokens of a sequence that have no keys and values yet. */
  record Chunk(Sequence sequence, int count) {
    /** Whether the sequence's next token can be chosen after it. */
    boolean choosesToken() {
      return count == sequence.pending();
    }
  }

  int rows() {
    return chunks.stream().mapToInt(Chunk::count).sum();
  }
}
