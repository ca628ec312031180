package io.alchemist.spark.rounds;

/**
 * The same gradient twice: from what serving logged, and fully recomputed.
 *
 * @param round which round's
 * @param tokens of its examples, prompts included
 * @param reusedTokens prompt tokens whose forward pass was reused in the first
 * @param reuseSeconds that the first took, added up over executors
 * @param recomputeSeconds that the second took
 * @param relativeError norm of the difference over that of the second
 * @param cosine of the angle between both
 */
public record Audit(
    long round,
    long tokens,
    long reusedTokens,
    double reuseSeconds,
    double recomputeSeconds,
    double relativeError,
    double cosine) {}
