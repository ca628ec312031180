package io.alchemist.serve;

/**
 * What is asked of serving at one moment.
 *
 * @param prompts requests whose first token is due, or that begin again after they had to give their memory up: they wait or are
 *     being prefilled
 * @param prefillRows tokens that they have to compute before; what the prefix tree has of a prompt is known only once it has
 *     begun
 * @param prefillPairs pairs of query and key in that, causal
 * @param firstTokens how many of them have no token yet
 * @param oldestNanos {@link System#nanoTime} when the first of these came; undefined when there is none
 * @param decodeRows requests that get one more token with each step
 * @param decodePairs pairs of query and key in the next such step: the tokens before and with them
 */
public record Demand(
    int prompts,
    long prefillRows,
    long prefillPairs,
    int firstTokens,
    long oldestNanos,
    int decodeRows,
    long decodePairs) {}
