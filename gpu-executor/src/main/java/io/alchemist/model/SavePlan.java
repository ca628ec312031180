package io.alchemist.model;

import io.alchemist.model.Activations.Field;
import java.util.EnumSet;
import java.util.Set;

/**
 * Which activations of a layer are kept for backward; the rest is computed again there, by {@link Transformer#restore}. Keys and
 * values are in their pages in any case. From one plan to the next less memory is taken and more computed.
 */
public enum SavePlan {
  /** Everything that is dear to compute: nothing is left but norms, softmax and SwiGLU. */
  A,
  /** Without gate and up, which are more than half of the memory and of the layer's products. */
  B,
  /** Without the queries, too. */
  C,
  /** The layer's input alone: backward computes the layer again, as layer checkpointing does (Chen et al. 2016, arXiv 1604.06174). */
  D;

  /** All that is kept. */
  public Set<Field> fields() {
    return switch (this) {
      case A -> EnumSet.allOf(Field.class);
      case B -> EnumSet.of(Field.X, Field.Q, Field.ATTENDED, Field.LOG_SUM_EXP, Field.MID);
      case C -> EnumSet.of(Field.X, Field.ATTENDED, Field.LOG_SUM_EXP, Field.MID);
      case D -> EnumSet.of(Field.X);
    };
  }

  /**
   * What is kept where backward reads no more than {@code needed}: of these what the plan keeps, and what the others are made of.
   * D keeps the layer's input whenever anything is needed.
   */
  public Set<Field> fields(Set<Field> needed) {
    if (this == D && !needed.isEmpty()) {
      return fields();
    }
    Set<Field> kept = fields();
    kept.retainAll(needed);
    if (needed.contains(Field.GATE) && !kept.contains(Field.GATE)) {
      kept.add(Field.MID);
    }
    return kept;
  }
}
