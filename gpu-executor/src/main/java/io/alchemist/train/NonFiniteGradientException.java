package io.alchemist.train;

/** A gradient with a NaN or an infinity: the step is not made. */
public final class NonFiniteGradientException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NonFiniteGradientException(int step) {
    super("The gradient of step " + step
        + " is not finite, so the step was not made and the weights are as before. "
        + "Lower the learning rate, or look for examples with extreme weights.");
  }
}
