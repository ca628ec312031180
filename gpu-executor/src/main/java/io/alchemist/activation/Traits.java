package io.alchemist.activation;

import org.jspecify.annotations.Nullable;

/**
 * What is known of a request before its answer, by which {@link Retention} tells who will give feedback.
 *
 * @param route what it came through: the endpoint, and whose system prompt
 * @param user who asks, as the client says, or null
 * @param turn its number in its conversation, from 1
 */
public record Traits(String route, @Nullable String user, int turn) {
  /** Nothing is known. */
  public static final Traits UNKNOWN = new Traits("", null, 1);
}
