package io.alchemist.tensor;

/**
 * How the next token of one row is drawn: logits are divided by the temperature, the {@code topK} most likely kept, of these
 * the fewest whose probability reaches {@code topP}; then the token in which {@code uniform} falls, most likely first, equal
 * ones by id.
 *
 * @param temperature 0 takes the most likely token, the lowest id of equals
 * @param topK how many to keep; 0 keeps all
 * @param topP probability to keep, in (0, 1]
 * @param uniform a random number in [0, 1)
 */
public record Sampling(float temperature, int topK, float topP, float uniform) {
  /** The most likely token. */
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0);
}
