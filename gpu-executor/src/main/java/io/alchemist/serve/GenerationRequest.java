package io.alchemist.serve;

import io.alchemist.activation.Traits;

/**
 * A request in tokens.
 *
 * @param id the response's id, under which feedback will cite it
 * @param prompt token ids, at least one
 * @param maxTokens most tokens to generate, at least one
 * @param sampling how tokens are chosen
 * @param topLogProbs how many alternatives to report for each token
 * @param recording whether anything of it is kept
 * @param traits what is known of it, for guessing whether feedback will come
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record GenerationRequest(
    String id,
    int[] prompt,
    int maxTokens,
    SamplingParams sampling,
    int topLogProbs,
    Recording recording,
    Traits traits) {

  /** What becomes of what it leaves behind. */
  public enum Recording {
    /** Its turn is remembered; its activations are kept as memory allows and as feedback is to be expected. */
    KEEP,
    /** Neither: nobody will learn from this request. */
    SKIP
  }

  /** A request of which nothing is known. */
  public GenerationRequest(
      String id,
      int[] prompt,
      int maxTokens,
      SamplingParams sampling,
      int topLogProbs,
      Recording recording) {
    this(id, prompt, maxTokens, sampling, topLogProbs, recording, Traits.UNKNOWN);
  }

  /** A request whose activations are kept. */
  public GenerationRequest(
      String id, int[] prompt, int maxTokens, SamplingParams sampling, int topLogProbs) {
    this(id, prompt, maxTokens, sampling, topLogProbs, Recording.KEEP);
  }
}
