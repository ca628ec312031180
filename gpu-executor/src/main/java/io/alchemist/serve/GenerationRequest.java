package io.alchemist.serve;

/**
 * A request in tokens.
 *
 * @param id the response's id, under which feedback will cite it
 * @param prompt token ids, at least one
 * @param maxTokens most tokens to generate, at least one
 * @param sampling how tokens are chosen
 * @param topLogProbs how many alternatives to report for each token
 * @param recording whether the prompt's activations are kept
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record GenerationRequest(
    String id,
    int[] prompt,
    int maxTokens,
    SamplingParams sampling,
    int topLogProbs,
    Recording recording) {

  /** What becomes of the activations that prefill computes. */
  public enum Recording {
    /** They are kept for training, as memory allows. */
    KEEP,
    /** They are not: nobody will learn from this request. */
    SKIP
  }

  /** A request whose activations are kept. */
  public GenerationRequest(
      String id, int[] prompt, int maxTokens, SamplingParams sampling, int topLogProbs) {
    this(id, prompt, maxTokens, sampling, topLogProbs, Recording.KEEP);
  }

  /** The same request, of which nothing is kept. */
  GenerationRequest unrecorded() {
    return new GenerationRequest(id, prompt, maxTokens, sampling, topLogProbs, Recording.SKIP);
  }
}
