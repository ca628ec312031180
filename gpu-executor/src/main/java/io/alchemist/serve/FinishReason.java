package io.alchemist.serve;

/** Why a completion ended. */
public enum FinishReason {
  /** The model ended its turn, or a stop string came. */
  STOP,
  /** The token limit or the context's end was reached. */
  LENGTH,
  /** The client went away. */
  CANCELLED,
  /** The engine could not go on with it. */
  ERROR
}
