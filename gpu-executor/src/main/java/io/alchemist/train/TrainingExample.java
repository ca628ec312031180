package io.alchemist.train;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Tokens to learn from. The loss is the sum over positions i of {@code weights[i]} times the negative log-likelihood of
 * {@code tokens[i]} after those before it.
 *
 * @param id names it in messages and reports
 * @param tokens prompt and completion
 * @param weights one per token; 0 for the prompt
 * @param version the weight version that served the prompt; its activations are used where they are still there
 * @param turnId the turn it was made of, which then need not be kept for training any longer; null for any other example
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record TrainingExample(
    String id, int[] tokens, float[] weights, long version, @Nullable String turnId) {
  /** A version that is never at hand: the gradient is taken at the live one. */
  public static final long LIVE = -1;

  /**
   * Checks that something can be learnt.
   *
   * @throws IllegalArgumentException saying what is wrong
   */
  public TrainingExample {
    if (tokens.length != weights.length) {
      throw new IllegalArgumentException("Example '" + id + "' has " + tokens.length
          + " tokens but " + weights.length + " weights; there must be one per token.");
    }
    boolean any = false;
    for (float weight : weights) {
      if (!Float.isFinite(weight)) {
        throw new IllegalArgumentException("Example '" + id + "' has a weight that is not finite.");
      }
      any |= weight != 0;
    }
    if (!any) {
      throw new IllegalArgumentException(
          "Example '" + id + "' has no token with a weight, so there is nothing to learn from it.");
    }
    if (weights[0] != 0) {
      throw new IllegalArgumentException("Example '" + id
          + "' has a weight on its first token, which nothing comes before. Begin with a prompt.");
    }
  }

  /** An example that is made of no turn. */
  public TrainingExample(String id, int[] tokens, float[] weights, long version) {
    this(id, tokens, weights, version, null);
  }

  /** The same example, made of that turn. */
  public TrainingExample ofTurn(String turn) {
    return new TrainingExample(id, tokens, weights, version, turn);
  }

  /** An example that learns all of {@code completion} after {@code prompt}. */
  public static TrainingExample completion(
      String id, int[] prompt, int[] completion, long version) {
    int[] tokens = new int[prompt.length + completion.length];
    System.arraycopy(prompt, 0, tokens, 0, prompt.length);
    System.arraycopy(completion, 0, tokens, prompt.length, completion.length);
    float[] weights = new float[tokens.length];
    Arrays.fill(weights, prompt.length, weights.length, 1);
    return new TrainingExample(id, tokens, weights, version);
  }

  /** The first position that predicts a token with a weight; everything before is prompt, whose forward can be reused. */
  int firstPredicting() {
    int i = 0;
    while (weights[i] == 0) {
      i++;
    }
    return i - 1;
  }

  /** Positions that go through the model: up to the one that predicts the last token with a weight. */
  int inputLength() {
    int i = weights.length - 1;
    while (weights[i] == 0) {
      i--;
    }
    return i;
  }
}
