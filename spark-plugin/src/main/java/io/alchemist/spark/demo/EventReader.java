package io.alchemist.spark.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;

/**
 * Reads a streamed answer line by line and notes when its text came. Filled by one thread of the HTTP client; read by the caller
 * once the answer has ended.
 */
final class EventReader implements Flow.Subscriber<String> {
  private static final String DATA = "data: ";
  private static final String DONE = "[DONE]";
  private static final int MAX_OTHER_CHARS = 4096;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final StringBuilder text = new StringBuilder();
  private final StringBuilder other = new StringBuilder();
  private String id = "";
  private String version = "";
  private int tokens;
  private long firstNanos;
  private long lastNanos;
  private boolean done;
  private @Nullable String error;

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    subscription.request(Long.MAX_VALUE);
  }

  @Override
  public void onNext(String line) {
    if (!line.startsWith(DATA)) {
      if (other.length() < MAX_OTHER_CHARS) {
        other.append(line);
      }
      return;
    }
    String event = line.substring(DATA.length());
    if (event.equals(DONE)) {
      done = true;
      return;
    }
    try {
      read(JSON.readTree(event));
    } catch (JsonProcessingException e) {
      error = "An event is no JSON: " + e.getOriginalMessage();
    }
  }

  private void read(JsonNode event) {
    if (event.has("error")) {
      error = event.path("error").path("message").asText();
      return;
    }
    id = event.path("id").asText(id);
    version = event.path("system_fingerprint").asText(version);
    tokens = event.path("usage").path("completion_tokens").asInt(tokens);
    String more = event.at("/choices/0/delta/content").asText("");
    if (!more.isEmpty()) {
      lastNanos = System.nanoTime();
      firstNanos = firstNanos == 0 ? lastNanos : firstNanos;
      text.append(more);
    }
  }

  @Override
  public void onError(Throwable failure) {
    error = String.valueOf(failure.getMessage());
  }

  @Override
  public void onComplete() {}

  /** What came besides events: the body of an error. */
  String other() {
    return other.toString();
  }

  /** Why the answer is not whole, or null. */
  @Nullable
  String error() {
    return error != null || done ? error : "The stream ended without [DONE].";
  }

  Answer answer(long sentNanos) {
    double first = firstNanos == 0 ? Double.NaN : (firstNanos - sentNanos) / 1e6;
    double perToken = tokens < 2 || lastNanos == firstNanos
        ? Double.NaN
        : (lastNanos - firstNanos) / 1e6 / (tokens - 1);
    return new Answer(id, text.toString(), tokens, version, first, perToken);
  }
}
