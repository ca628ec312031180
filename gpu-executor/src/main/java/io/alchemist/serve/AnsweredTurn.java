package io.alchemist.serve;

import org.jspecify.annotations.Nullable;

/**
 * A turn with its text, as whoever keeps turns wants it.
 *
 * @param turn tokens and version
 * @param conversation the same for all turns that begin with the same system message and first question
 * @param user who asked, as the client says, or null
 * @param question the last message of the user, or the raw prompt; null where the prompt was given in tokens
 * @param answer the text that was given
 * @param firstTokenNanos from the request to the first token
 * @param perTokenNanos mean time from one token to the next; 0 for a single token
 * @param kept whether it may be kept: the client has not asked for nothing to be
 */
public record AnsweredTurn(
    Turn turn,
    String conversation,
    @Nullable String user,
    @Nullable String question,
    String answer,
    long firstTokenNanos,
    long perTokenNanos,
    boolean kept) {

  /** Told of each answer that ended, if it has a token. Engine thread; must not block. */
  @FunctionalInterface
  public interface Listener {
    /** Takes note of an answer. */
    void answered(AnsweredTurn turn);
  }
}
