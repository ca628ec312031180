package io.alchemist.weights;

import org.jspecify.annotations.Nullable;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864): pair {@code i} of a head turns by
 * {@code position * theta^(-2i/headDim)}. Pairs are (i, i + headDim/2), as Hugging Face stores them.
 *
 * @param theta base of the frequencies
 * @param llama3 how Llama 3.1 stretches long wave lengths, or null for plain frequencies
 */
public record RopeConfig(double theta, @Nullable Llama3Scaling llama3) {

  /** Scaling of rope type {@code llama3}: frequencies below {@code originalPositions / highFrequencyFactor} are kept. */
  public record Llama3Scaling(
      double factor,
      double lowFrequencyFactor,
      double highFrequencyFactor,
      int originalPositions) {}

  /** Plain frequencies. */
  public static RopeConfig plain(double theta) {
    return new RopeConfig(theta, null);
  }

  /** Radians per position of each pair, {@code headDim / 2} values. */
  public double[] frequencies(int headDim) {
    double[] frequencies = new double[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      double frequency = Math.pow(theta, -2.0 * i / headDim);
      frequencies[i] = llama3 == null ? frequency : stretch(frequency, llama3);
    }
    return frequencies;
  }

  /** Long waves are slowed by the factor, short ones kept, those between interpolated linearly in their wave number. */
  private static double stretch(double frequency, Llama3Scaling s) {
    double waves = s.originalPositions() * frequency / (2 * Math.PI);
    if (waves < s.lowFrequencyFactor()) {
      return frequency / s.factor();
    }
    if (waves > s.highFrequencyFactor()) {
      return frequency;
    }
    double keep =
        (waves - s.lowFrequencyFactor()) / (s.highFrequencyFactor() - s.lowFrequencyFactor());
    return (1 - keep) * frequency / s.factor() + keep * frequency;
  }
}
