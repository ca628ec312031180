package io.alchemist.spark.demo;

/**
 * A question and what a right answer to it is.
 *
 * @param text as a user types it
 * @param expected judges the answer
 */
public record DemoQuestion(String text, Expectation expected) {}
