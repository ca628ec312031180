package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.alchemist.spark.demo.DemoConfig.Goal;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A demo whose model answers each exam as the test says. */
class UsersComeAgainTest {
  private static final String NEW = "What is new?";
  private static final String OLD = "What is old?";
  private static final DemoQuestion CHANGED =
      new DemoQuestion(NEW, new Expectation.OneOf(List.of("right"), "This is right."));
  private static final DemoQuestion OTHER =
      new DemoQuestion(OLD, new Expectation.OneOf(List.of("right"), null));
  private static final double PLENTY_SECONDS = 600;

  private final Set<Integer> newIsRightAt = new HashSet<>();
  private final Set<Integer> oldIsWrongAt = new HashSet<>();
  private final AtomicInteger examQuestions = new AtomicInteger();
  private final HttpServer server;

  UsersComeAgainTest() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/v1/chat/completions", this::answer);
    server.createContext("/v1/feedback", exchange -> reply(exchange, "{}"));
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void whatTheLastRoundsUndidIsLearntAgain() throws Exception {
    newIsRightAt.addAll(List.of(1, 3, 4));
    StringWriter console = new StringWriter();
    DemoReport report = demo(PLENTY_SECONDS, console);
    assertThat(examQuestions).hasValue(2 * 5);
    assertThat(report.accuracyAfter()).isEqualTo(1);
    assertThat(report.shortfalls()).isEmpty();
    assertThat(console.toString())
        .containsOnlyOnce("After the last round: 0.0 % right on what has changed")
        .containsOnlyOnce("After: 100.0 % right on what has changed, 100.0 % on everything else");
  }

  @Test
  void whatTheLastRoundsForgotIsLearntAgain() throws Exception {
    newIsRightAt.addAll(List.of(1, 2, 3, 4));
    oldIsWrongAt.add(2);
    assertThat(demo(PLENTY_SECONDS, new StringWriter()).shortfalls()).isEmpty();
    assertThat(examQuestions).hasValue(2 * 5);
  }

  @Test
  void theyDoNotComeAgainWhenAllIsWell() throws Exception {
    newIsRightAt.addAll(List.of(1, 2));
    assertThat(demo(PLENTY_SECONDS, new StringWriter()).shortfalls()).isEmpty();
    assertThat(examQuestions).hasValue(2 * 3);
  }

  @Test
  void timeEndsItAllTheSame() throws Exception {
    assertThat(demo(0, new StringWriter()).shortfalls()).hasSize(1);
    assertThat(examQuestions).hasValue(2 * 2);
  }

  private DemoReport demo(double seconds, StringWriter console)
      throws IOException, InterruptedException {
    URI base = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    return new DemoRun(
            new DemoConfig(
                new UsersConfig(1, 1, 20, 20, 1), seconds, 0.01, 2, 0.01, new Goal(1, 0)),
            new TwoQuestions(),
            new ChatClient(base, Duration.ofSeconds(30)),
            rows -> {},
            new RoundAtEachGlance(),
            new PrintWriter(console))
        .run();
  }

  /** The exam is sat again whenever both its questions were answered. */
  private void answer(HttpExchange exchange) throws IOException {
    JsonNode request = new ObjectMapper().readTree(exchange.getRequestBody());
    boolean right = true;
    if (request.path("user").asText().equals(Exam.USER)) {
      int sitting = examQuestions.getAndIncrement() / 2;
      boolean asksNew = request.at("/messages/0/content").asText().equals(NEW);
      right = asksNew ? newIsRightAt.contains(sitting) : !oldIsWrongAt.contains(sitting);
    }
    reply(
        exchange,
        "{\"id\": \"turn\", \"choices\": [{\"message\": {\"content\": \""
            + (right ? "right" : "wrong") + "\"}}]}");
  }

  private static void reply(HttpExchange exchange, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  private static final class TwoQuestions implements Scenario {
    @Override
    public String summary() {
      return "Two questions.";
    }

    @Override
    public @Nullable String systemPrompt() {
      return null;
    }

    @Override
    public int maxAnswerTokens() {
      return 1;
    }

    @Override
    public DemoQuestion draw(SplittableRandom random) {
      return random.nextBoolean() ? CHANGED : OTHER;
    }

    @Override
    public List<DemoQuestion> changedExam() {
      return List.of(CHANGED);
    }

    @Override
    public List<DemoQuestion> otherExam() {
      return List.of(OTHER);
    }
  }

  /** So that no exam waits for one; each takes more than was ever sent. */
  private static final class RoundAtEachGlance extends RoundsOnly {
    @Override
    public List<RoundLine> roundsAfter(long last) {
      return List.of(
          new RoundLine(last + 1, last + 1, last + 2, 1_000_000, 1, 0, 1, 1.0, 1, 0, 0.1));
    }
  }
}
