package io.alchemist.train;

/** What a slice of a job does, to some rows. */
public enum SliceKind implements Slice {
  /** Chooses the examples of a pass and lays out its rows. */
  PLAN,
  /** One layer forward. */
  FORWARD,
  /** The loss and its gradient for some of the predicting rows. */
  LOSS,
  /** What was logged of few rows is brought to that of others, to be computed with them. */
  JOIN,
  /** Some rows of one layer backward, to its queries, keys and values. */
  BACKWARD,
  /** Some rows of one layer backward, from these to its input. */
  BACKWARD_INPUT
}
