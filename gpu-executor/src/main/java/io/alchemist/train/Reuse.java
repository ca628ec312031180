package io.alchemist.train;

/** Where the forward results of prompts come from. */
public enum Reuse {
  /** From what serving logged, wherever that still is; the rest is computed. */
  LOGGED,
  /** All computed again, as a separate trainer would. */
  NONE
}
