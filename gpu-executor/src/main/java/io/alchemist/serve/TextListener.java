package io.alchemist.serve;

import java.nio.charset.StandardCharsets;
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
   * @param bytes what it stands for: characters in UTF-8, or parts of one
   * @param logProb log-probability under the model, before temperature
   * @param alternatives the most likely tokens, most likely first, as many as the request asked for
   */
  @SuppressWarnings("ArrayRecordComponent") // one writer, one reader, never compared
  record TokenInfo(int id, byte[] bytes, float logProb, List<Alternative> alternatives) {
    /** What it decodes to on its own; parts of characters become replacement characters. */
    public String text() {
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  /** A token that could have been chosen. */
  @SuppressWarnings("ArrayRecordComponent")
  record Alternative(int id, byte[] bytes, float logProb) {
    /** As {@link TokenInfo#text}. */
    public String text() {
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  /**
   * Tokens counted.
   *
   * @param promptTokens tokens of the prompt
   * @param cachedTokens of these, how many the prefix tree had
   * @param completionTokens tokens generated, without the end-of-turn token
   */
  record Usage(int promptTokens, int cachedTokens, int completionTokens) {}
}
