package io.alchemist.train;

/** What a slice of an update does, to elements of the parameters. */
public enum UpdateKind implements Slice {
  /** The gradient's norm over some parameters. */
  NORM,
  /** Some parameters updated, and laid out for the next version. */
  UPDATE,
  /** Some of the gradient back to zero. */
  CLEAR
}
