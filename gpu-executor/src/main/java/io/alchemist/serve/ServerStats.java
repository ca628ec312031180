package io.alchemist.serve;

/**
 * How serving is.
 *
 * @param waiting requests not begun
 * @param running requests being computed
 * @param promptTokens tokens of all prompts begun
 * @param cachedTokens of these, tokens whose keys and values were in the prefix tree
 * @param generatedTokens tokens chosen
 * @param preemptions how often a sequence had to give its memory up
 */
public record ServerStats(
    int waiting,
    int running,
    long promptTokens,
    long cachedTokens,
    long generatedTokens,
    long preemptions) {}
