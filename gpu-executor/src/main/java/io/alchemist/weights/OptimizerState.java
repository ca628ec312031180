package io.alchemist.weights;

/**
 * What an optimizer of an adapter remembers between two steps, on the host, in the adapter's own shape.
 *
 * @param steps updates made
 * @param firstMoment running mean of the gradient
 * @param secondMoment running mean of its squares
 */
public record OptimizerState(int steps, AdapterData firstMoment, AdapterData secondMoment) {
  public OptimizerState {
    if (steps < 0) {
      throw new IllegalArgumentException("An optimizer can't have made " + steps + " steps.");
    }
  }
}
