package io.alchemist.serve;

/**
 * A request in tokens.
 *
 * @param id the response's id, under which feedback will cite it
 * @param prompt token ids, at least one
 * @param maxTokens most tokens to generate, at least one
 * @param sampling how tokens are chosen
 * @param topLogProbs how many alternatives to report for each token
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record GenerationRequest(
    String id, int[] prompt, int maxTokens, SamplingParams sampling, int topLogProbs) {}
