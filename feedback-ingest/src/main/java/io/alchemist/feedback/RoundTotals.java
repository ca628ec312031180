package io.alchemist.feedback;

/**
 * Sums over all rounds, for reports.
 *
 * @param rounds rounds that trained something
 * @param received rows of feedback read
 * @param trained feedback trained
 * @param counted feedback kept without a training objective
 * @param quarantined feedback not used
 * @param reusedTokens tokens whose activations serving had left
 * @param recomputedTokens prompt tokens forwarded again
 * @param predictingTokens tokens with a loss
 */
public record RoundTotals(
    long rounds,
    long received,
    long trained,
    long counted,
    long quarantined,
    long reusedTokens,
    long recomputedTokens,
    long predictingTokens) {}
