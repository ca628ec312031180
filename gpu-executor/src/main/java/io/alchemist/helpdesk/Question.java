package io.alchemist.helpdesk;

/**
 * A question for a fact and its one right answer.
 *
 * @param factId {@link Fact#id()} of what it asks for
 */
public record Question(String text, String answer, String factId) {}
