package io.alchemist.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextRequest;
import io.alchemist.text.ChatMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the body of a chat completion. */
final class ChatFields {
  /** What clients call a role, and what templates call it. */
  private static final Map<String, String> ROLES = Map.of(
      "system", "system",
      "developer", "system",
      "user", "user",
      "assistant", "assistant",
      "tool", "tool");

  private ChatFields() {}

  /**
   * @throws RequestException naming the field that is wrong
   */
  static Generation read(Fields fields, String model) {
    CommonFields.check(fields, model);
    return new Generation(
        List.of(new TextRequest.Messages(messages(fields))),
        CommonFields.n(fields),
        maxTokens(fields),
        CommonFields.sampling(fields),
        CommonFields.stop(fields),
        topLogProbs(fields),
        CommonFields.delivery(fields),
        CommonFields.user(fields),
        CommonFields.recording(fields));
  }

  private static List<ChatMessage> messages(Fields fields) {
    if (fields.value("messages") == null) {
      throw fields.missing("messages");
    }
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode item : fields.items("messages", "an array of messages")) {
      messages.add(message(Fields.object(item, "messages[" + messages.size() + "]")));
    }
    if (messages.isEmpty()) {
      throw RequestException.invalid("messages", "messages is empty; at least one is needed.");
    }
    return messages;
  }

  private static ChatMessage message(Fields fields) {
    String asked = fields.requiredString("role", Integer.MAX_VALUE);
    String role = ROLES.get(asked);
    if (role == null) {
      throw RequestException.invalid(
          fields.path("role"),
          fields.path("role") + " is none of system, developer, user, assistant and tool.");
    }
    JsonNode calls = fields.value("tool_calls");
    if ((calls != null && !CommonFields.isEmpty(calls)) || fields.value("function_call") != null) {
      throw Fields.unsupported(
          fields.path("tool_calls"),
          fields.path("tool_calls")
              + " is not supported by this server; write the call as content.");
    }
    return new ChatMessage(role, content(fields));
  }

  private static String content(Fields fields) {
    JsonNode content = fields.value("content");
    if (content == null) {
      throw fields.missing("content");
    }
    if (content.isTextual()) {
      return content.textValue();
    }
    StringBuilder text = new StringBuilder();
    int index = 0;
    for (JsonNode item : fields.items("content", "a string or an array of parts")) {
      Fields part = Fields.object(item, fields.path("content") + "[" + index++ + "]");
      String type = part.requiredString("type", Integer.MAX_VALUE);
      if (!type.equals("text")) {
        throw Fields.unsupported(
            part.path("type"), part.path("type") + ": only parts of type text are supported.");
      }
      text.append(part.requiredString("text", Integer.MAX_VALUE));
    }
    return text.toString();
  }

  private static @Nullable Integer maxTokens(Fields fields) {
    Integer old = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    Integer now = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    if (old != null && now != null && !old.equals(now)) {
      throw RequestException.invalid(
          "max_tokens",
          "max_tokens = " + old + " and max_completion_tokens = " + now + " differ; give one.");
    }
    return now == null ? old : now;
  }

  private static int topLogProbs(Fields fields) {
    boolean wanted = fields.flag("logprobs");
    Integer top = fields.integer("top_logprobs", 0, CommonFields.MAX_TOP_LOG_PROBS);
    if (top != null && top > 0 && !wanted) {
      throw RequestException.invalid("top_logprobs", "top_logprobs needs logprobs to be true.");
    }
    if (!wanted) {
      return -1;
    }
    return top == null ? 0 : top;
  }
}
