package io.alchemist.spark.demo;

import io.alchemist.text.ChatMessage;
import java.util.ArrayList;
import java.util.List;

/** Conversations as the API takes them. */
final class Conversations {
  private Conversations() {}

  /** The system prompt, if any, and the first question. */
  static List<ChatMessage> begin(Scenario scenario, String question) {
    List<ChatMessage> messages = new ArrayList<>();
    String system = scenario.systemPrompt();
    if (system != null) {
      messages.add(new ChatMessage("system", system));
    }
    messages.add(new ChatMessage("user", question));
    return List.copyOf(messages);
  }

  /** The conversation with its last answer and the next question. */
  static List<ChatMessage> goOn(List<ChatMessage> before, String answer, String question) {
    List<ChatMessage> messages = new ArrayList<>(before);
    messages.add(new ChatMessage("assistant", answer));
    messages.add(new ChatMessage("user", question));
    return List.copyOf(messages);
  }
}
