package io.alchemist.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Feedback as one line of JSON; null fields are left out. Thread-safe. */
final class FeedbackLines {
  private static final JsonMapper JSON = JsonMapper.builder()
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  private FeedbackLines() {}

  /** The line, with its end. */
  static byte[] encode(Feedback feedback) {
    ObjectNode node = JSON.createObjectNode();
    node.put("id", feedback.id());
    node.put("turn_id", feedback.turnId());
    node.put("kind", feedback.kind().name().toLowerCase(Locale.ROOT));
    if (feedback.score() != null) {
      node.put("score", feedback.score());
    }
    putIfPresent(node, "text", feedback.text());
    putIfPresent(node, "rejected", feedback.rejected());
    putIfPresent(node, "user", feedback.user());
    node.put("created_epoch_millis", feedback.createdEpochMillis());
    return (node + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Reads what {@link #encode} wrote; null where it is something else. */
  static @Nullable Feedback decode(String line) {
    try {
      JsonNode node = JSON.readTree(line);
      String id = string(node, "id");
      String turnId = string(node, "turn_id");
      String kind = string(node, "kind");
      JsonNode created = node.path("created_epoch_millis");
      if (id == null || turnId == null || kind == null || !created.canConvertToLong()) {
        return null;
      }
      JsonNode score = node.path("score");
      return new Feedback(
          id,
          turnId,
          Feedback.Kind.valueOf(kind.toUpperCase(Locale.ROOT)),
          score.isNumber() ? score.doubleValue() : null,
          string(node, "text"),
          string(node, "rejected"),
          string(node, "user"),
          created.longValue());
    } catch (JsonProcessingException | IllegalArgumentException e) {
      return null;
    }
  }

  private static void putIfPresent(ObjectNode node, String name, @Nullable String value) {
    if (value != null) {
      node.put(name, value);
    }
  }

  private static @Nullable String string(JsonNode node, String name) {
    JsonNode value = node.path(name);
    return value.isTextual() ? value.textValue() : null;
  }
}
