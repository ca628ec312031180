package io.alchemist.train;

/** What a slice of training does; slices of one kind take time in proportion to their rows. */
public enum SliceKind {
  /** Chooses the examples of a pass and lays out its rows. */
  PLAN,
  /** One layer forward. */
  FORWARD,
  /** The loss and its gradient for some of the predicting rows. */
  LOSS,
  /** Some rows of one layer backward, to its queries, keys and values. */
  BACKWARD,
  /** Some rows of one layer backward, from these to its input. */
  BACKWARD_INPUT
}
