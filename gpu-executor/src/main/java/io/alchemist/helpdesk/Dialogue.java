package io.alchemist.helpdesk;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A conversation: user and assistant in turn, the user first and the assistant last.
 *
 * @param system the system prompt, or null for none
 */
public record Dialogue(@Nullable String system, List<Message> messages) {

  /** Who speaks; the lower-case name is the role in ChatML. */
  public enum Role {
    USER,
    ASSISTANT
  }

  /** What one of them says. */
  public record Message(Role role, String text) {}

  public Dialogue {
    messages = List.copyOf(messages);
  }

  /** One question and its answer. */
  public static Dialogue of(@Nullable String system, String question, String answer) {
    return new Dialogue(
        system, List.of(new Message(Role.USER, question), new Message(Role.ASSISTANT, answer)));
  }
}
