package io.alchemist.serve;

/**
 * How tokens are chosen.
 *
 * @param temperature 0 is greedy; at most 2
 * @param topK keep the k most likely tokens; 0 keeps all
 * @param topP keep the most likely tokens whose probability adds up to this, in (0, 1]
 * @param seed the same seed and prompt give the same tokens, whatever else is being served
 */
public record SamplingParams(float temperature, int topK, float topP, long seed) {
  public static final SamplingParams GREEDY = new SamplingParams(0, 0, 1, 0);

  /**
   * Checks the ranges.
   *
   * @throws RequestException naming the parameter that is out of range
   */
  public SamplingParams {
    if (!(temperature >= 0 && temperature <= 2)) {
      throw RequestException.invalid(
          "temperature", "temperature = " + temperature + " is not in [0, 2].");
    }
    if (topK < 0) {
      throw RequestException.invalid(
          "top_k", "top_k = " + topK + " is negative; 0 keeps all tokens.");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw RequestException.invalid("top_p", "top_p = " + topP + " is not in (0, 1].");
    }
  }
}
