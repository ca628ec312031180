package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Streams as they pass: at once, no faster than they are read, and no longer. */
class StreamingTest extends RouterFixture {

  @Test
  void eachEventPassesAtOnce() throws Exception {
    FakeExecutor home = home("q");
    home.nextCall();
    home.engine = call -> {};
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, stream("q"));
      FakeExecutor.Call call = home.nextCall();
      call.say("one");
      assertThat(raw.head()).contains("X-Alchemist-Executor: " + home.id, "text/event-stream");
      StringBuilder seen = new StringBuilder();
      for (String word : List.of("one", "two", "three")) {
        if (!word.equals("one")) {
          call.say(word);
        }
        // Only what was said can have come: nothing waits for more.
        while (!seen.toString().contains(word)) {
          seen.append(raw.chunk());
        }
        assertThat(seen.toString()).endsWith("\n\n");
      }
      call.stop();
      while (!seen.toString().contains("[DONE]")) {
        seen.append(raw.chunk());
      }
      assertThat(raw.chunk()).isEmpty();
      assertThat(events(seen.toString())).hasSizeGreaterThan(4);
    }
  }

  @Test
  void aSlowReaderHoldsTheExecutorBack() throws Exception {
    AtomicLong sent = new AtomicLong();
    CountDownLatch done = new CountDownLatch(1);
    int pieces = 4_000;
    String text = "x".repeat(10_000);
    String head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
        + 10_000L * pieces + "\r\n\r\n";
    try (ScriptedServer scripted = new ScriptedServer(socket -> {
          socket.setSendBufferSize(64 << 10);
          ScriptedServer.send(socket, head);
          for (int i = 0; i < pieces; i++) {
            ScriptedServer.send(socket, text);
            sent.addAndGet(text.length());
          }
          done.countDown();
        });
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendPost(CHAT, chat("q"));
      raw.head();
      // All that fits between is full, and of 40 MB most is not sent: the router keeps none of it.
      AtomicLong before = new AtomicLong(-1);
      await()
          .pollInterval(200, TimeUnit.MILLISECONDS)
          .until(() -> before.getAndSet(sent.get()) == sent.get());
      assertThat(sent.get()).isBetween(1L, 20_000_000L);
      assertThat(metrics.prometheusText())
          .containsPattern("proxied_bytes_total\\{direction=\"answer\"} \\d{5,7}\n");
      for (int i = 0; i < pieces; i++) {
        assertThat(new String(raw.in.readNBytes(text.length()), StandardCharsets.US_ASCII))
            .isEqualTo(text);
      }
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aClientThatLeavesStopsTheEngine() throws Exception {
    FakeExecutor home = home("q");
    home.nextCall();
    home.engine = call -> {};
    FakeExecutor.Call whole;
    FakeExecutor.Call streamed;
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, chat("q"));
      whole = home.nextCall();
    }
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, stream("q"));
      streamed = home.nextCall();
      streamed.say("a");
      raw.head();
    }
    assertThat(whole.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    assertThat(streamed.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains(
            "tries_total{route=\"/v1/chat/completions\",outcome=\"client_left\"} 2\n",
            "alchemist_router_requests_total{route=\"/v1/chat/completions\",status=\"499\"} 2\n",
            "alchemist_router_requests_in_flight 0\n"));
    assertThat(get("/fleet").body()).doesNotContain("\"in_flight\":1");
  }

  @Test
  void hundredsOfRequestsAtOnceLeaveNothingBehind() throws Exception {
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      String body = i % 2 == 0 ? stream("q" + i) : chat("q" + i);
      answers.add(client.sendAsync(postRequest(CHAT, body), HttpResponse.BodyHandlers.ofString()));
    }
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      HttpResponse<String> response = answer.get(20, TimeUnit.SECONDS);
      assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
      // A stream has the text in two events.
      assertThat(response.body()).contains("from ", executorOf(response));
    }
    assertThat(executors.stream().mapToInt(one -> one.completions.get()).sum()).isEqualTo(400);
    assertThat(executors).allSatisfy(one -> assertThat(one.completions.get()).isGreaterThan(60));
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains("alchemist_router_requests_in_flight 0\n"));
    assertThat(get("/fleet").body()).doesNotContainPattern("in_flight\":[1-9]");
    // A few connections wait for the next requests, the rest are closed: 8 for each executor and
    // event loop.
    await().untilAsserted(() -> assertThat(executors)
        .allSatisfy(one -> assertThat(one.metrics.prometheusText())
            .containsPattern("alchemist_http_connections ([0-9]|1[0-6])\n")));
  }

  @Test
  void closeLetsRunningAnswersFinish() throws Exception {
    FakeExecutor home = home("q");
    home.nextCall();
    home.engine = call -> {};
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, stream("q"));
      FakeExecutor.Call call = home.nextCall();
      call.say("a");
      raw.head();
      CompletableFuture<Void> closed = CompletableFuture.runAsync(router::close);
      call.say("b");
      call.stop();
      assertThat(raw.rest()).endsWith("data: [DONE]\n\n\r\n0\r\n\r\n");
      raw.socket.close();
      closed.get(10, TimeUnit.SECONDS);
    }
    await().untilAsserted(() -> assertThat(home.metrics.prometheusText())
        .contains("alchemist_http_connections 0\n"));
  }

  @Test
  void closeEndsWhatDoesNotFinish() throws Exception {
    FakeExecutor home = home("q");
    home.nextCall();
    home.engine = call -> {};
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, stream("q"));
      FakeExecutor.Call call = home.nextCall();
      router.close();
      assertThat(call.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    }
  }
}
