package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Exams against a server that answers every question with itself, after refusing it a few times. */
class ExamTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, Integer> asked = new ConcurrentHashMap<>();
  private final List<String> users = new CopyOnWriteArrayList<>();
  private final HttpServer server;
  private int refusals = 1;

  ExamTest() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/v1/chat/completions", this::answer);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    JsonNode body = JSON.readTree(exchange.getRequestBody());
    String question = body.at("/messages/1/content").asText();
    users.add(body.path("user").asText());
    boolean refused = asked.merge(question, 1, Integer::sum) <= refusals;
    byte[] answer = (refused
            ? "busy"
            : JSON.createObjectNode()
                .put("id", "t")
                .set(
                    "choices",
                    JSON.createArrayNode()
                        .add(JSON.createObjectNode()
                            .set("message", JSON.createObjectNode().put("content", question))))
                .toString())
        .getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(refused ? 503 : 200, answer.length);
    exchange.getResponseBody().write(answer);
    exchange.close();
  }

  private Exam exam() {
    ChatClient client = new ChatClient(
        URI.create("http://127.0.0.1:" + server.getAddress().getPort()), Duration.ofSeconds(20));
    return new Exam(client, HelpDeskScenario.of(1), 3);
  }

  private static DemoQuestion question(String text, String right) {
    return new DemoQuestion(text, new Expectation.Exact(right));
  }

  @Test
  void rightAnswersCountAndRefusedQuestionsAreAskedAgain() throws Exception {
    DemoQuestion one = question("one", "one");
    DemoQuestion two = question("two", "2");
    DemoQuestion three = question("three", "three");
    Score score = exam().ask(List.of(one, two, three));
    assertThat(score.right()).containsExactlyInAnyOrder(one, three);
    assertThat(score.accuracy()).isEqualTo(2.0 / 3);
    assertThat(score.accuracyOn(List.of(one, two))).isEqualTo(0.5);
    assertThat(asked).isEqualTo(Map.of("one", 2, "two", 2, "three", 2));
    assertThat(users).containsOnly(Exam.USER);
  }

  @Test
  void aQuestionThatIsNeverAnsweredEndsTheExam() {
    refusals = 1_000;
    assertThatThrownBy(() -> exam().ask(List.of(question("one", "one"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("can't be held")
        .hasMessageContaining("503");
  }

  @Test
  void aSampleIsSpreadEvenly() {
    List<DemoQuestion> all =
        IntStream.range(0, 10).mapToObj(i -> question(Integer.toString(i), "")).toList();
    assertThat(Exam.sample(all, 4))
        .extracting(DemoQuestion::text)
        .containsExactly("0", "2", "5", "7");
    assertThat(Exam.sample(all, 20)).isEqualTo(all);
  }
}
