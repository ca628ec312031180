package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

class ConnectionTest extends ApiTest {
  private static final String WHOLE = "{'messages':[{'role':'user','content':'x'}]}";

  @Test
  void pipelinedRequestsAreAnsweredInOrderOneAtATime() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, WHOLE);
      raw.sendPost(CHAT, WHOLE);
      raw.sendHead("GET /health HTTP/1.1", "Host: h");
      FakeTextService.Call first = service.nextCall();
      get("/health");
      assertThat(service.calls).isEmpty();
      first.say("one");
      first.stop(1);
      String head = raw.head();
      assertThat(raw.body(head)).contains("one");
      FakeTextService.Call second = service.nextCall();
      second.say("two");
      second.stop(1);
      assertThat(raw.body(raw.head())).contains("two");
      assertThat(raw.body(raw.head())).contains("ready");
    }
  }

  @Test
  void manyPipelinedRequestsDoNotOverflow() throws Exception {
    try (Raw raw = new Raw()) {
      raw.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".repeat(5_000));
      for (int i = 0; i < 5_000; i++) {
        assertThat(raw.body(raw.head())).contains("ready");
      }
    }
  }

  @Test
  void aHeadBehindAnExpectationHasItsOwnKindOfAnswer() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead(
          "POST /v1/feedback HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 2");
      assertThat(raw.head()).isEqualTo("HTTP/1.1 100 Continue");
      raw.send("{}HEAD /health HTTP/1.1\r\nHost: h\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n");
      assertThat(raw.body(raw.head())).contains("turn_id is missing.");
      assertThat(raw.head()).startsWith("HTTP/1.1 200");
      assertThat(raw.body(raw.head())).contains("ready");
    }
  }

  @Test
  void tooLargeBodyIsRefusedBeforeItComes() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead("POST " + CHAT + " HTTP/1.1", "Host: h", "Content-Length: 999999999999");
      String head = raw.head();
      assertThat(head).startsWith("HTTP/1.1 413").contains("connection: close");
      assertThat(raw.body(head))
          .isEqualTo(quotes(
              "{'error':{'message':'The body is longer than the 4096 bytes that are accepted.',"
                  + "'type':'invalid_request_error','param':null,'code':'request_too_large'}}"));
      assertThat(raw.rest()).isEmpty();
    }
  }

  @Test
  void tooLargeChunkedBodyIsRefusedAndTheAnswerArrives() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead("POST " + CHAT + " HTTP/1.1", "Host: h", "Transfer-Encoding: chunked");
      String chunk = "400\r\n" + "x".repeat(1024) + "\r\n";
      // Far more than fits into any buffer between: the rest is thrown away, not kept.
      raw.send(chunk.repeat(5_000));
      assertThat(raw.head()).startsWith("HTTP/1.1 413");
    }
  }

  @Test
  void expectationIsAnsweredBeforeTheBody() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead(
          "POST " + CHAT + " HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 5000");
      assertThat(raw.head()).startsWith("HTTP/1.1 413");
    }
    try (Raw raw = new Raw()) {
      raw.sendHead(
          "POST /nowhere HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 50");
      assertThat(raw.head()).startsWith("HTTP/1.1 404").contains("connection: close");
    }
    try (Raw raw = new Raw()) {
      raw.sendHead("POST " + CHAT + " HTTP/1.1", "Host: h", "Expect: tea", "Content-Length: 5");
      assertThat(raw.head()).startsWith("HTTP/1.1 417");
    }
  }

  @Test
  void whatIsNoHttpIs400() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead("GET / NONSENSE");
      String head = raw.head();
      assertThat(head).startsWith("HTTP/1.1 400").contains("connection: close");
      assertThat(raw.body(head)).contains("malformed_request");
    }
    try (Raw raw = new Raw()) {
      raw.sendHead("GET /health HTTP/1.1", "X: " + "x".repeat(20_000));
      assertThat(raw.head()).startsWith("HTTP/1.1 431");
    }
    try (Raw raw = new Raw()) {
      raw.sendHead("GET /" + "x".repeat(20_000) + " HTTP/1.1");
      assertThat(raw.head()).startsWith("HTTP/1.1 414");
    }
    try (Raw raw = new Raw()) {
      raw.send("POST " + CHAT + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
      assertThat(raw.head()).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void oldClientsGetAnUnchunkedStream() throws Exception {
    service.engine = FakeTextService.says("a");
    try (Raw raw = new Raw()) {
      String json = quotes(STREAM);
      raw.send(
          "POST " + CHAT + " HTTP/1.0\r\nContent-Length: " + json.length() + "\r\n\r\n" + json);
      assertThat(raw.head()).startsWith("HTTP/1.0 200").doesNotContain("chunked");
      assertThat(events(raw.rest())).hasSize(4);
    }
  }

  @Test
  void connectionCloseIsHonoured() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendHead("GET /health HTTP/1.1", "Host: h", "Connection: close");
      assertThat(raw.rest()).startsWith("HTTP/1.1 200").contains("connection: close");
    }
  }

  @Test
  void disconnectCancels() throws Exception {
    FakeTextService.Call whole;
    FakeTextService.Call streamed;
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, WHOLE);
      whole = service.nextCall();
    }
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      streamed = service.nextCall();
      streamed.say("a");
      raw.head();
    }
    assertThat(whole.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    assertThat(streamed.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    // What the engine still says is ignored.
    streamed.say("late");
    streamed.stop(2);
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains(
            "alchemist_http_requests_total{route=\"/v1/chat/completions\",status=\"499\"} 2\n",
            "alchemist_http_requests_in_flight 0\n",
            "alchemist_http_connections 0\n"));
  }

  @Test
  void closeLetsRunningRequestsFinish() throws Exception {
    try (Raw idle = new Raw();
        Raw busy = new Raw()) {
      idle.sendHead("GET /health HTTP/1.1", "Host: h");
      idle.body(idle.head());
      busy.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      call.say("a");
      busy.head();
      CompletableFuture<Void> closed = CompletableFuture.runAsync(server::close);
      assertThat(idle.in.read()).isEqualTo(-1);
      // The kernel lets go of a listening socket only at its selector's next turn.
      await().untilAsserted(() -> Assertions.assertThatThrownBy(
              () -> new Socket(InetAddress.getLoopbackAddress(), server.port()).close())
          .isInstanceOf(ConnectException.class));
      assertThat(call.isCancelled()).isFalse();
      call.say("b");
      call.stop(2);
      assertThat(busy.rest()).endsWith("data: [DONE]\n\n\r\n0\r\n\r\n");
      busy.socket.close();
      closed.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void closeCancelsWhatDoesNotFinish() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, WHOLE);
      FakeTextService.Call call = service.nextCall();
      server.close();
      assertThat(call.isCancelled()).isTrue();
    }
  }

  @Test
  void aTakenPortIsSaid() {
    Assertions.assertThatThrownBy(
            () -> ApiServer.start(config().at("127.0.0.1", server.port()), service, metrics))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot listen on 127.0.0.1:" + server.port())
        .hasMessageContaining("choose another port, or 0 for any free one.");
  }
}
