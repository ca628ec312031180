package io.alchemist.serve;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Told of one completion as it comes. Calls come one after the other, on the engine's thread or one of the caller's; they
 * must not block.
 */
public interface TextListener {

  /**
   * More text: whole characters only, nothing that could still become a stop string.
   *
   * @param text may be empty where a token gives no whole character yet
   * @param tokens the tokens this text came from
   */
  void onText(String text, List<TokenInfo> tokens);

  /**
   * The last call.
   *
   * @param error the reason where {@code finish} is ERROR
   */
  void onEnd(FinishReason finish, Usage usage, @Nullable RequestException error);

  /**
   * A chosen token.
   *
   * @param id of the vocabulary
   * @param text what it decodes to on its own
   * @param logProb log-probability under the model, before temperature
   * @param alternatives the most likely tokens, most likely first, as many as the request asked for
   */
  record TokenInfo(int id, String text, float logProb, List<Alternative> alternatives) {}

  /** A token that could have been chosen. */
  record Alternative(int id, String text, float logProb) {}

  /**
   * Tokens counted.
   *
   * @param promptTokens tokens of the prompt
   * @param cachedTokens of these, how many the prefix tree had
   * @param completionTokens tokens generated, without the end-of-turn token
   */
  record Usage(int promptTokens, int cachedTokens, int completionTokens) {}
}
