package io.alchemist.train;

/**
 * The learning rate over the steps: a linear warm-up to the peak; then constant, or a half cosine down to a share of the peak
 * where the number of steps is known (Loshchilov and Hutter 2017, arXiv 1608.03983).
 *
 * @param peak after the warm-up
 * @param warmupSteps steps of the warm-up
 * @param totalSteps when the cosine ends; 0 keeps the peak
 * @param finalShare the share of the peak at the end of the cosine
 */
public record LearningRate(float peak, int warmupSteps, int totalSteps, float finalShare) {

  /**
   * Checks the peak.
   *
   * @throws IllegalArgumentException when it is no positive number
   */
  public LearningRate {
    if (!(peak > 0) || Float.isInfinite(peak)) {
      throw new IllegalArgumentException(
          "A learning rate of " + peak
              + " teaches nothing or makes weights that are no numbers; give a positive one, such as 0.001.");
    }
  }

  /** The peak after a warm-up, for as long as it takes. */
  public static LearningRate constant(float peak, int warmupSteps) {
    return new LearningRate(peak, warmupSteps, 0, 1);
  }

  /** The rate of a step, counted from 1. */
  public float at(int step) {
    if (step <= warmupSteps) {
      return peak * step / warmupSteps;
    }
    if (totalSteps == 0) {
      return peak;
    }
    double progress =
        Math.min(1.0, (double) (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    double cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
    return (float) (peak * (finalShare + (1 - finalShare) * cosine));
  }
}
