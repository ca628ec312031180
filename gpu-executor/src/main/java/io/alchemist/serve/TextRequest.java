package io.alchemist.serve;

import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.text.ChatMessage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request for one completion, as text.
 *
 * @param prompt what to complete
 * @param maxTokens most tokens to generate; null for as many as the context holds
 * @param sampling how tokens are chosen
 * @param stop the completion ends before the first of these
 * @param topLogProbs how many alternatives to report for each token; 0 for the token's own only
 * @param user who asks, as the client says, or null
 * @param recording whether anything may be kept of it for training
 */
public record TextRequest(
    Prompt prompt,
    @Nullable Integer maxTokens,
    SamplingParams sampling,
    List<String> stop,
    int topLogProbs,
    @Nullable String user,
    Recording recording) {

  /** What to complete. */
  public sealed interface Prompt permits Messages, RawText, Tokens {}

  /** A conversation, rendered by the model's chat template. */
  public record Messages(List<ChatMessage> messages) implements Prompt {}

  /** Text as it is. */
  public record RawText(String text) implements Prompt {}

  /** Token ids as they are. */
  public record Tokens(List<Integer> ids) implements Prompt {}
}
