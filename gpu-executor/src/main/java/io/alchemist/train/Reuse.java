package io.alchemist.train;

import io.alchemist.model.SavePlan;

/** Where the forward results of prompts come from. */
public enum Reuse {
  /** From what serving logged, wherever that still is; the rest is computed. */
  LOGGED(SavePlan.A),
  /** All computed again, as a separate trainer would. */
  NONE(SavePlan.A),
  /** All computed again, and each layer once more in backward, as a separate trainer with layer checkpointing would. */
  CHECKPOINTED(SavePlan.D);

  private final SavePlan own;

  Reuse(SavePlan own) {
    this.own = own;
  }

  /** What the trainer keeps of the rows that it forwards itself. */
  SavePlan own() {
    return own;
  }

  /** Whether what serving logged is looked for. */
  boolean looksAtLog() {
    return this == LOGGED;
  }
}
