package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.text.ChatMessage;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The client against a real server with the embedded model. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChatClientTest {
  private static final List<ChatMessage> QUESTION =
      List.of(new ChatMessage("user", "When does the Harbor branch open?"));
  private static final String ANSWER = "The Harbor branch opens at 7:30 am.";

  private final Path directory;
  private final ServedModel served;

  ChatClientTest(@TempDir Path directory) throws IOException {
    this.directory = directory;
    this.served = ServedModel.start(directory, "--learning-rate=1e-9");
  }

  @AfterAll
  void stop() throws IOException {
    served.close();
  }

  @Test
  void wholeAndStreamedAnswersAreTheSame() throws Exception {
    Answer whole = served.client().ask(QUESTION, 32, false, "tester");
    Answer streamed = served.client().ask(QUESTION, 32, true, "tester");
    assertThat(whole.text()).isEqualTo(ANSWER);
    assertThat(streamed.text()).isEqualTo(ANSWER);
    assertThat(streamed.tokens()).isEqualTo(whole.tokens()).isGreaterThan(5);
    assertThat(streamed.turnId()).isNotEmpty().isNotEqualTo(whole.turnId());
    assertThat(streamed.version()).startsWith("v");
    assertThat(streamed.firstTokenMillis()).isPositive();
    assertThat(streamed.perTokenMillis()).isPositive();
    assertThat(whole.firstTokenMillis()).isNaN();
  }

  @Test
  void feedbackIsStoredUnderItsId() throws Exception {
    Answer answer = served.client().ask(QUESTION, 32, false, "tester");
    served.client().give(OutsideFeedback.correction("c-1", answer.turnId(), "At \"9\".", "tester"));
    served.client().give(OutsideFeedback.thumbUp("t-1", answer.turnId(), "tester"));
    assertThat(Files.readAllLines(directory.resolve("feedback.jsonl")))
        .anyMatch(line -> line.contains("\"id\":\"c-1\"") && line.contains("At \\\"9\\\"."))
        .anyMatch(line -> line.contains("\"id\":\"t-1\"") && line.contains("\"score\":1.0"));
  }

  @Test
  void refusalsSayWhy() {
    List<ChatMessage> stranger = List.of(new ChatMessage("nobody", "?"));
    for (boolean streamed : new boolean[] {false, true}) {
      assertThatThrownBy(() -> served.client().ask(stranger, 8, streamed, "tester"))
          .isInstanceOf(ApiException.class)
          .hasMessageContaining("400")
          .hasMessageContaining("role");
    }
    OutsideFeedback applause =
        new OutsideFeedback("a-1", "turn", "applause", null, null, "tester", 0);
    assertThatThrownBy(() -> served.client().give(applause)).hasMessageContaining("kind must be");
  }

  @Test
  void aServerThatSaysNothingIsGivenUp() throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      ChatClient client = new ChatClient(
          URI.create("http://127.0.0.1:" + silent.getLocalPort()), Duration.ofMillis(200));
      assertThatThrownBy(() -> client.ask(QUESTION, 8, true, "tester"))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("within 200 ms");
    }
  }

  @Test
  void nobodyThereIsSaid() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    ChatClient client =
        new ChatClient(URI.create("http://127.0.0.1:" + port), Duration.ofSeconds(5));
    assertThatThrownBy(() -> client.ask(QUESTION, 8, false, "tester"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("/v1/chat/completions failed");
  }
}
