package io.alchemist.http;

import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.TextRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a client asked to be generated: for each prompt {@code n} choices; choice {@code prompt * n + i} is the i-th of its
 * prompt.
 *
 * @param maxTokens for each choice; null for as many as fit
 * @param sampling with the seed of each prompt's first choice
 * @param topLogProbs alternatives to report; -1 for no log-probabilities at all
 * @param delivery how the answer is sent
 * @param recording whether anything may be kept for training
 */
record Generation(
    List<TextRequest.Prompt> prompts,
    int n,
    @Nullable Integer maxTokens,
    SamplingParams sampling,
    List<String> stop,
    int topLogProbs,
    Delivery delivery,
    @Nullable String user,
    Recording recording) {

  /** How the answer is sent. */
  enum Delivery {
    WHOLE,
    STREAM,
    STREAM_WITH_USAGE;

    boolean streams() {
      return this != WHOLE;
    }
  }

  int choices() {
    return prompts.size() * n;
  }

  boolean logProbs() {
    return topLogProbs >= 0;
  }

  /** Which prompt a choice is for. */
  int prompt(int choice) {
    return choice / n;
  }

  /** What the engine is asked for one choice. */
  TextRequest request(int choice) {
    return new TextRequest(
        prompts.get(prompt(choice)),
        maxTokens,
        new SamplingParams(
            sampling.temperature(),
            sampling.topK(),
            sampling.topP(),
            seed(sampling.seed(), choice % n)),
        stop,
        Math.max(0, topLogProbs),
        user,
        recording);
  }

  /** Seeds of a prompt's choices: the request's own for the first, then unrelated ones (the mixer of SplitMix64). */
  static long seed(long seed, int choice) {
    if (choice == 0) {
      return seed;
    }
    long z = seed + choice * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
