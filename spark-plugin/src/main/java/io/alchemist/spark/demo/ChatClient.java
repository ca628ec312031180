package io.alchemist.spark.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.text.ChatMessage;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A client of the OpenAI-compatible API, like any other: it knows an address. Calls block. Thread-safe. */
public final class ChatClient {
  private static final String CHAT = "/v1/chat/completions";
  private static final String FEEDBACK = "/v1/feedback";
  private static final int OK = 200;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final URI base;
  private final Duration timeout;
  private final HttpClient http;

  /**
   * Connects to nothing yet.
   *
   * @param base scheme, host and port
   * @param timeout of a whole request, its answer included
   */
  public ChatClient(URI base, Duration timeout) {
    this.base = base;
    this.timeout = timeout;
    this.http = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(timeout)
        .build();
  }

  /**
   * Continues a conversation, with the likeliest answer.
   *
   * @param streamed whether the answer comes token by token, and is timed
   * @param user the field {@code user}
   * @throws ApiException where the server refuses or breaks off
   * @throws IOException where it can't be reached or is too slow
   */
  public Answer ask(List<ChatMessage> conversation, int maxTokens, boolean streamed, String user)
      throws IOException, InterruptedException {
    ObjectNode body = JSON.createObjectNode();
    ArrayNode messages = body.putArray("messages");
    for (ChatMessage message : conversation) {
      messages.addObject().put("role", message.role()).put("content", message.content());
    }
    body.put("max_tokens", maxTokens).put("temperature", 0).put("user", user);
    if (!streamed) {
      return whole(post(CHAT, body));
    }
    body.put("stream", true).putObject("stream_options").put("include_usage", true);
    long sent = System.nanoTime();
    HttpResponse<EventReader> response = send(
        CHAT, body, BodyHandlers.fromLineSubscriber(new EventReader(), reader -> reader, null));
    EventReader reader = response.body();
    if (response.statusCode() != OK) {
      throw new ApiException(response.statusCode(), CHAT, reader.other());
    }
    if (reader.error() != null) {
      throw new ApiException(OK, CHAT, "" + reader.error());
    }
    return reader.answer(sent);
  }

  private static Answer whole(JsonNode answer) {
    return new Answer(
        answer.path("id").asText(),
        answer.at("/choices/0/message/content").asText(),
        answer.at("/usage/completion_tokens").asInt(),
        answer.path("system_fingerprint").asText(),
        Double.NaN,
        Double.NaN);
  }

  /**
   * Posts feedback; returns once the server has stored it.
   *
   * @throws ApiException where the server refuses it
   * @throws IOException where it can't be reached or is too slow
   */
  public void give(OutsideFeedback feedback) throws IOException, InterruptedException {
    ObjectNode body = JSON.createObjectNode();
    body.put("id", feedback.id());
    body.put("turn_id", feedback.turnId());
    body.put("kind", feedback.kind());
    if (feedback.score() != null) {
      body.put("score", feedback.score());
    }
    if (feedback.text() != null) {
      body.put("text", feedback.text());
    }
    body.put("user", feedback.user());
    post(FEEDBACK, body);
  }

  private JsonNode post(String path, JsonNode body) throws IOException, InterruptedException {
    HttpResponse<String> response = send(path, body, BodyHandlers.ofString());
    if (response.statusCode() != OK) {
      throw new ApiException(response.statusCode(), path, response.body());
    }
    return JSON.readTree(response.body());
  }

  /** The client's own timeout ends with the head of an answer; this one with its last byte. */
  private <T> HttpResponse<T> send(String path, JsonNode body, BodyHandler<T> handler)
      throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(base.resolve(path))
        .header("Content-Type", "application/json")
        .POST(BodyPublishers.ofString(body.toString()))
        .build();
    CompletableFuture<HttpResponse<T>> response = http.sendAsync(request, handler);
    try {
      return response.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          "No whole answer of " + path + " within " + timeout.toMillis() + " ms", e);
    } catch (ExecutionException e) {
      throw new IOException(
          "The request to " + base.resolve(path) + " failed: " + message(e.getCause()), e);
    } finally {
      // Ends the exchange where it is still under way.
      response.cancel(true);
    }
  }

  private static String message(@Nullable Throwable failure) {
    if (failure == null) {
      return "unknown cause";
    }
    return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
  }
}
