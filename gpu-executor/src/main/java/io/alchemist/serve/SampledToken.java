package io.alchemist.serve;

/**
 * A chosen token.
 *
 * @param id of the vocabulary
 * @param logProb log-probability under the model, before temperature
 * @param alternativeIds the most likely tokens, most likely first; as many as the request asked for
 * @param alternativeLogProbs theirs
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record SampledToken(
    int id, float logProb, int[] alternativeIds, float[] alternativeLogProbs) {}
