package io.alchemist.serve;

/**
 * One request and its answer: what feedback refers to and what training learns from.
 *
 * @param id the response's id
 * @param version the weight version that served it; under it, what was logged is found again by its tokens
 * @param prompt token ids
 * @param completion token ids, the end-of-turn token included where the model chose it
 * @param logProbs one for each token of the completion
 * @param cachedTokens prompt tokens that the prefix tree had
 * @param finish why it ended
 * @param endedEpochMillis when
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, never compared
public record Turn(
    String id,
    long version,
    int[] prompt,
    int[] completion,
    float[] logProbs,
    int cachedTokens,
    FinishReason finish,
    long endedEpochMillis) {}
