package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.Socket;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Executors that are gone, leave, break off or say nonsense. */
class FailoverTest extends RouterFixture {
  private static final String FEEDBACK = "{\"turn_id\":\"t\",\"kind\":\"thumb\",\"score\":1}";
  private static final String LENGTH_3 =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n";

  @Test
  void aDeadExecutorIsReportedAndAnotherAsked() throws Exception {
    FakeExecutor home = home("q");
    home.close();
    HttpResponse<String> answer = post(CHAT, chat("q"));
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(executorOf(answer)).isNotEqualTo(home.id);
    assertThat(fleet.unreachable).hasSize(1);
    assertThat(fleet.unreachable.get(0)).startsWith(home.id + ": ").contains("refused");
    // One more where the router had not seen yet that its waiting connection was closed.
    assertThat(metrics.prometheusText()).containsPattern("alchemist_router_retries_total [12]\n");
    // Feedback may go elsewhere too, as nothing was sent.
    for (int i = 0; i < 3; i++) {
      assertThat(post("/v1/feedback", FEEDBACK).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void noneCanBeReached() throws Exception {
    List<Backend> dead = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      dead.add(new Backend("d" + i, "127.0.0.1", deadPort(), Backend.State.READY, 0, 1, ""));
    }
    dead.add(new Backend("nowhere", "no-such-host.invalid", 1, Backend.State.DRAINING, 0, 1, ""));
    fleet.set(dead);
    assertThat(error(post(CHAT, chat("q")), 502))
        .isEqualTo(
            "executor_unreachable|No executor could be reached in 3 tries; try again later.");
    assertThat(fleet.unreachable).hasSize(3);
  }

  @Test
  void anUnknownHostIsUnreachable() throws Exception {
    fleet.set(new Backend("n", "no-such-host.invalid", 1, Backend.State.READY, 0, 1, ""));
    assertThat(error(post(CHAT, chat("q")), 502)).startsWith("executor_unreachable");
    assertThat(fleet.unreachable.get(0)).contains("UnknownHostException");
  }

  @Test
  void aDrainingExecutorPassesItsRequestsOn() throws Exception {
    FakeExecutor home = home("q");
    home.draining = true;
    HttpResponse<String> answer = post(CHAT, stream("q"));
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(executorOf(answer)).isNotEqualTo(home.id);
    assertThat(events(answer.body())).endsWith("[DONE]");
    assertThat(fleet.unreachable).isEmpty();
    executors.forEach(one -> one.draining = true);
    HttpResponse<String> refused = post(CHAT, chat("q"));
    assertThat(error(refused, 503)).isEqualTo("draining|The engine is draining.");
    assertThat(refused.headers().firstValue("Retry-After")).isPresent();
  }

  @Test
  void executorsThatAreNotReadyAreNotAsked() throws Exception {
    FakeExecutor home = home("q");
    int before = home.completions.get();
    for (Backend.State state : Backend.State.values()) {
      if (state != Backend.State.READY) {
        fleet.set(executors.stream()
            .map(one -> one.backend(one == home ? state : Backend.State.READY, 0))
            .toList());
        assertThat(executorOf(post(CHAT, chat("q")))).isNotIn(home.id, "none");
      }
    }
    assertThat(home.completions).hasValue(before);
  }

  @Test
  void aStreamThatBreaksEndsWithAnErrorEvent() throws Exception {
    // The break comes in the middle of an event, whose beginning must not spoil the error event.
    try (ScriptedServer scripted = new ScriptedServer(socket -> ScriptedServer.send(
            socket,
            ScriptedServer.EVENTS_HEAD + ScriptedServer.chunk("data: 1\n\ndata: {\"half")));
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendPost(CHAT, stream("q"));
      assertThat(raw.head()).startsWith("HTTP/1.1 200");
      assertThat(raw.chunk()).isEqualTo("data: 1\n\n");
      assertThat(error(events(raw.chunk()).get(0)))
          .isEqualTo(
              "executor_lost|Executor s was lost in the middle of the answer (the connection "
                  + "ended); what came so far is not whole.");
      assertThat(raw.chunk()).isEmpty();
      assertThat(raw.rest()).isEmpty();
      assertThat(scripted.requests).hasSize(1);
    }
  }

  @Test
  void anExecutorThatIsKilledInMidStreamIsNoticed() throws Exception {
    FakeExecutor home = home("q");
    home.nextCall();
    home.engine = call -> call.say("a");
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, stream("q"));
      raw.head();
      home.nextCall();
      assertThat(raw.chunk()).startsWith("data: ");
      home.close();
      assertThat(raw.rest()).contains("executor_lost").endsWith("\r\n0\r\n\r\n");
    }
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains(
            "alchemist_router_tries_total{route=\"/v1/chat/completions\",outcome=\"broken\"} 1\n"));
  }

  @Test
  void aWholeAnswerThatBreaksIsNotPassedOffAsWhole() throws Exception {
    try (ScriptedServer scripted =
            new ScriptedServer(socket -> ScriptedServer.send(socket, LENGTH_3 + "{"));
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendPost(CHAT, chat("q"));
      assertThat(raw.rest()).contains("Content-Length: 3").endsWith("\r\n\r\n{");
    }
    String chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + ScriptedServer.chunk("abc");
    try (ScriptedServer scripted =
            new ScriptedServer(socket -> ScriptedServer.send(socket, chunked));
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendPost(CHAT, chat("q"));
      assertThat(raw.rest()).endsWith("3\r\nabc\r\n");
    }
  }

  @Test
  void aCompletionThatIsLostBeforeItsAnswerIsAskedElsewhere() throws Exception {
    try (ScriptedServer scripted = new ScriptedServer(socket -> {})) {
      fleet.set(scripted.backend("s"), executors.get(0).backend(Backend.State.READY, 0));
      for (int i = 0; i < 10; i++) {
        assertThat(executorOf(post(CHAT, chat("q" + i)))).isEqualTo("exec-0");
      }
      assertThat(scripted.requests).isNotEmpty();
      assertThat(fleet.unreachable).isEmpty();
      fleet.set(scripted.backend("s"));
      assertThat(error(post(CHAT, chat("q")), 502))
          .isEqualTo("executor_lost|Executor s was lost before it answered; try again.");
    }
  }

  @Test
  void feedbackThatMayHaveBeenStoredIsNotSentTwice() throws Exception {
    try (ScriptedServer scripted = new ScriptedServer(socket -> {});
        ScriptedServer late = new ScriptedServer(socket -> ScriptedServer.send(
            socket, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"))) {
      fleet.set(scripted.backend("a"), executors.get(0).backend(Backend.State.READY, 0));
      assertThat(error(post("/v1/feedback", FEEDBACK), 502))
          .startsWith("executor_lost|Executor a was lost before it confirmed the feedback")
          .endsWith("send it again with the same id.");
      fleet.set(late.backend("b"));
      assertThat(post("/v1/feedback", FEEDBACK).statusCode()).isEqualTo(503);
      assertThat(scripted.requests.size() + late.requests.size()).isEqualTo(2);
      assertThat(executors.get(0).feedbacks).isEmpty();
    }
  }

  @Test
  void aWaitingConnectionThatEndsAsItIsUsedIsReplaced() throws Exception {
    ScriptedServer[] self = new ScriptedServer[1];
    try (ScriptedServer scripted = new ScriptedServer(socket -> {
          ScriptedServer.send(socket, LENGTH_3 + "{ }");
          self[0].receive(socket);
        });
        Raw raw = new Raw()) {
      self[0] = scripted;
      fleet.set(scripted.backend("s"));
      for (int i = 0; i < 4; i++) {
        raw.sendPost(CHAT, chat("q"));
        assertThat(raw.body(raw.head())).isEqualTo("{ }");
      }
      assertThat(scripted.requests).hasSize(1 + 2 * 3);
    }
  }

  @Test
  void aConnectionThatEndsWhileItWaitsIsNotUsed() throws Exception {
    try (ScriptedServer scripted =
            new ScriptedServer(socket -> ScriptedServer.send(socket, LENGTH_3 + "{ }"));
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      for (int i = 0; i < 20; i++) {
        raw.sendPost(CHAT, chat("q"));
        assertThat(raw.body(raw.head())).isEqualTo("{ }");
      }
    }
  }

  @Test
  void connectionsAreUsedAgain() throws Exception {
    ScriptedServer[] self = new ScriptedServer[1];
    List<Socket> sockets = new ArrayList<>();
    try (ScriptedServer scripted = new ScriptedServer(socket -> {
      sockets.add(socket);
      while (true) {
        ScriptedServer.send(socket, LENGTH_3 + "{ }");
        self[0].receive(socket);
      }
    })) {
      self[0] = scripted;
      fleet.set(scripted.backend("s"));
      try (Raw raw = new Raw()) {
        for (int i = 0; i < 10; i++) {
          raw.sendPost(CHAT, chat("q"));
          assertThat(raw.body(raw.head())).isEqualTo("{ }");
        }
      }
      assertThat(scripted.requests).hasSize(10);
      assertThat(sockets).hasSize(1);
    }
  }

  @Test
  void nonsenseIsNoAnswer() throws Exception {
    try (ScriptedServer scripted =
        new ScriptedServer(socket -> ScriptedServer.send(socket, "SSH-2.0-server\r\n\r\n"))) {
      fleet.set(scripted.backend("s"));
      assertThat(error(post(CHAT, chat("q")), 502)).startsWith("executor_lost");
    }
    try (ScriptedServer scripted = new ScriptedServer(socket -> ScriptedServer.send(
        socket, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH_3 + "{ }"))) {
      fleet.set(scripted.backend("s"));
      assertThat(post(CHAT, chat("q")).body()).isEqualTo("{ }");
    }
  }
}
