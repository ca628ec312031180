package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.alchemist.metrics.Metrics;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is passed on, to whom, and what the router answers itself. */
class RouterTest extends RouterFixture {

  @Test
  void turnsOfAConversationStayAndConversationsSpread() throws Exception {
    Map<String, String> homes = new HashMap<>();
    for (int i = 0; i < 30; i++) {
      HttpResponse<String> answer = post(CHAT, chat("question " + i));
      assertThat(answer.statusCode()).isEqualTo(200);
      String home = executorOf(answer);
      assertThat(JSON.readTree(answer.body()).at("/choices/0/message/content").asText())
          .isEqualTo("from " + home);
      homes.put("question " + i, home);
    }
    assertThat(new HashSet<>(homes.values())).hasSize(3);
    for (Map.Entry<String, String> home : homes.entrySet()) {
      String second = "{\"messages\":[{\"role\":\"user\",\"content\":\"" + home.getKey()
          + "\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}";
      assertThat(executorOf(post(CHAT, second))).isEqualTo(home.getValue());
    }
  }

  @Test
  void aNamedConversationStaysWhateverItSays() throws Exception {
    Set<String> homes = new HashSet<>();
    for (int i = 0; i < 10; i++) {
      homes.add(executorOf(client.send(
          request("/v1/completions")
              .header("X-Conversation-Id", "42")
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"" + i + "\"}"))
              .build(),
          HttpResponse.BodyHandlers.ofString())));
    }
    assertThat(homes).hasSize(1).doesNotContain("none");
  }

  @Test
  void aBusyExecutorPassesConversationsOn() throws Exception {
    FakeExecutor home = home("popular");
    fleet.set(executors.stream()
        .map(one -> one.backend(Backend.State.READY, one == home ? 50 : 0))
        .toList());
    assertThat(executorOf(post(CHAT, chat("popular")))).isNotEqualTo(home.id);
    allReady();
    assertThat(executorOf(post(CHAT, chat("popular")))).isEqualTo(home.id);
  }

  @Test
  void modelsAndFeedbackGoToEachInTurn() throws Exception {
    assertThat(get("/v1/models").body()).contains("\"tiny\"");
    assertThat(get("/v1/models/tiny").statusCode()).isEqualTo(200);
    assertThat(error(get("/v1/models/other"), 404)).startsWith("model_not_found");
    for (int i = 0; i < 6; i++) {
      HttpResponse<String> answer =
          post("/v1/feedback", "{\"turn_id\":\"t" + i + "\",\"kind\":\"thumb\",\"score\":1}");
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }
    assertThat(executors).allSatisfy(one -> assertThat(one.feedbacks).hasSize(2));
  }

  @Test
  void headersPassExceptThoseOfOneConnection() throws Exception {
    try (ScriptedServer scripted = new ScriptedServer(socket -> ScriptedServer.send(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: 1\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
                + "Connection: close, X-Hop\r\nContent-Type: application/json\r\n\r\n{}"));
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendHead(
          "GET http://elsewhere/v1/models?x=1 HTTP/1.1",
          "Host: me",
          "TE: trailers",
          "X-Mine: 1",
          "Authorization: Bearer key",
          "X-Drop: 1",
          "Connection: X-Drop",
          "X-Forwarded-For: 10.0.0.1");
      String head = raw.head();
      assertThat(raw.body(head)).isEqualTo("{}");
      assertThat(head)
          .startsWith("HTTP/1.1 200 OK")
          .contains("X-Own: 1", "X-Alchemist-Executor: s")
          .doesNotContain("X-Hop", "Keep-Alive", "lose");
      assertThat(scripted.requests).hasSize(1);
      assertThat(scripted.requests.get(0))
          .startsWith("GET /v1/models?x=1 HTTP/1.1\r\n")
          .contains("X-Mine: 1", "Authorization: Bearer key", "host: localhost:")
          .contains("X-Forwarded-For: 10.0.0.1\r\n", "X-Forwarded-For: 127.0.0.1\r\n")
          .doesNotContain("TE:", "X-Drop", "Connection");
    }
  }

  @Test
  void whatIsWrongWithABodyTheExecutorSays() throws Exception {
    HttpResponse<String> answer = post(CHAT, "{\"messages\":");
    assertThat(error(answer, 400)).startsWith("invalid_json");
    assertThat(executorOf(answer)).startsWith("exec-");
  }

  @Test
  void tooLongBodiesAreRefusedHere() throws Exception {
    assertThat(error(post(CHAT, chat("x".repeat(70_000))), 413))
        .isEqualTo("request_too_large|The body is longer than the 65536 bytes that are accepted.");
    try (Raw raw = new Raw()) {
      raw.send("POST " + CHAT + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
      raw.send(("400\r\n" + "x".repeat(1024) + "\r\n").repeat(5_000));
      assertThat(raw.head()).startsWith("HTTP/1.1 413");
    }
    assertThat(executors).allSatisfy(one -> assertThat(one.completions).hasValue(0));
  }

  @Test
  void anExpectationIsAnsweredHere() throws Exception {
    try (Raw raw = new Raw()) {
      String json = chat("x");
      raw.send("POST " + CHAT + " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
          + json.length() + "\r\n\r\n");
      assertThat(raw.head()).isEqualTo("HTTP/1.1 100 Continue");
      raw.send(json);
      assertThat(raw.body(raw.head())).contains("from exec-");
    }
  }

  @Test
  void oneConnectionServesManyRequestsAlsoSentAhead() throws Exception {
    try (Raw raw = new Raw()) {
      for (int i = 0; i < 20; i++) {
        raw.sendPost(CHAT, chat("q" + i));
        raw.send("HEAD /v1/models HTTP/1.1\r\nHost: h\r\n\r\n");
      }
      raw.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
      for (int i = 0; i < 20; i++) {
        assertThat(raw.body(raw.head())).contains("from exec-");
        assertThat(raw.head()).startsWith("HTTP/1.1 200").contains("X-Alchemist-Executor");
      }
      assertThat(raw.body(raw.head())).contains("\"ready\"");
    }
  }

  @Test
  void oldClientsGetAnUnchunkedStream() throws Exception {
    try (Raw raw = new Raw()) {
      String json = stream("x");
      raw.send(
          "POST " + CHAT + " HTTP/1.0\r\nContent-Length: " + json.length() + "\r\n\r\n" + json);
      assertThat(raw.head()).startsWith("HTTP/1.0 200").doesNotContain("chunked");
      assertThat(events(raw.rest())).endsWith("[DONE]").hasSizeGreaterThan(3);
    }
  }

  @Test
  void whatIsNotServedIsSaidInTheEnvelope() throws Exception {
    assertThat(error(get("/v1/nothing"), 404))
        .isEqualTo("unknown_path|There is nothing at /v1/nothing.");
    assertThat(error(get(CHAT), 405)).startsWith("method_not_allowed");
    try (Raw raw = new Raw()) {
      raw.send("nonsense\r\n\r\n");
      assertThat(raw.head()).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void healthSaysWhatEachIsAt() throws Exception {
    assertThat(get("/health").body())
        .isEqualTo("{\"status\":\"ready\",\"detail\":\"3 of 3 executors are ready.\"}");
    fleet.set(
        executors.get(0).backend(Backend.State.DRAINING, 0),
        new Backend("7", "h", 1, Backend.State.FAILED, 0, 0, "out of memory"));
    HttpResponse<String> health = get("/health");
    assertThat(health.statusCode()).isEqualTo(503);
    assertThat(JSON.readTree(health.body()).path("detail").asText())
        .isEqualTo("0 of 2 executors are ready; exec-0: draining, 7: failed (out of memory).");
    HttpResponse<String> refused = post(CHAT, chat("x"));
    assertThat(error(refused, 503))
        .isEqualTo("no_executor_ready|None of 2 executors is ready; exec-0: draining, "
            + "7: failed (out of memory); try again later.");
    assertThat(refused.headers().firstValue("Retry-After")).isPresent();
  }

  @Test
  void theFleetIsListed() throws Exception {
    fleet.set(new Backend("7", "node-3", 8080, Backend.State.READY, 4, 12, ""));
    JsonNode list = JSON.readTree(get("/fleet").body());
    assertThat(list.toString())
        .isEqualTo("{\"object\":\"list\",\"data\":[{\"id\":\"7\",\"host\":\"node-3\",\"port\":8080,"
            + "\"state\":\"ready\",\"detail\":\"\",\"load\":4,\"in_flight\":0,\"version\":12}]}");
  }

  @Test
  void metricsCount() throws Exception {
    post(CHAT, chat("x"));
    post(CHAT, stream("x"));
    // Counted after the last byte is queued.
    await().untilAsserted(() -> assertThat(get("/metrics").body())
        .contains(
            "alchemist_router_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 2\n",
            "alchemist_router_tries_total{route=\"/v1/chat/completions\",outcome=\"answered\"} 2\n",
            "alchemist_router_retries_total 0\n",
            "alchemist_router_first_byte_seconds_count{route=\"/v1/chat/completions\"} 2\n")
        .containsPattern("alchemist_router_proxied_bytes_total\\{direction=\"answer\"} [1-9]")
        .containsPattern("alchemist_router_proxied_bytes_total\\{direction=\"request\"} [1-9]"));
  }

  @Test
  void aTakenPortIsSaid() {
    assertThatThrownBy(
            () -> Router.start(config().at("127.0.0.1", router.port()), fleet, new Metrics()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("router server cannot listen on 127.0.0.1:" + router.port())
        .hasMessageContaining("choose another port");
  }
}
