package io.alchemist.spark.rounds;

import io.alchemist.weights.AdapterData;
import java.io.Serializable;

/**
 * Which two adapters the gate compares; broadcast to executors.
 *
 * @param baseVersion the live version
 * @param baseNumber its number as a draft, where an executor doesn't have it
 * @param base its values
 * @param candidateNumber the candidate's number as a draft
 * @param candidate its values
 */
record GateWork(
    long baseVersion,
    long baseNumber,
    AdapterData base,
    long candidateNumber,
    AdapterData candidate)
    implements Serializable {}
