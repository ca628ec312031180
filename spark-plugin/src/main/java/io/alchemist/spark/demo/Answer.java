package io.alchemist.spark.demo;

/**
 * An answer, as its client saw it.
 *
 * @param turnId what feedback cites
 * @param text all of it
 * @param tokens how many it has
 * @param version {@code system_fingerprint}: v and the weight version
 * @param firstTokenMillis from sending the request to the first text; not a number where the answer came whole
 * @param perTokenMillis mean from one token to the next; not a number where it came whole or has one token
 */
public record Answer(
    String turnId,
    String text,
    int tokens,
    String version,
    double firstTokenMillis,
    double perTokenMillis) {}
