package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EventReaderTest {
  private static final String HEAD =
      "data: {\"id\":\"t-1\",\"system_fingerprint\":\"v3\",\"choices\":[{\"delta\":{\"content\":\"";

  private final EventReader reader = new EventReader();

  @Test
  void textIsJoinedAndTimed() {
    long sent = System.nanoTime();
    reader.onNext(HEAD + "\"}}]}");
    reader.onNext("");
    reader.onNext(HEAD + "At \"}}]}");
    reader.onNext(HEAD + "nine.\"}}]}");
    reader.onNext("data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}");
    reader.onNext("data: [DONE]");
    reader.onComplete();
    assertThat(reader.error()).isNull();
    Answer answer = reader.answer(sent);
    assertThat(answer.text()).isEqualTo("At nine.");
    assertThat(answer.turnId()).isEqualTo("t-1");
    assertThat(answer.version()).isEqualTo("v3");
    assertThat(answer.tokens()).isEqualTo(3);
    assertThat(answer.firstTokenMillis()).isPositive();
    assertThat(answer.perTokenMillis()).isPositive().isLessThan(answer.firstTokenMillis() + 1e6);
  }

  @Test
  void aStreamThatBreaksOffIsNoAnswer() {
    reader.onNext(HEAD + "At \"}}]}");
    reader.onComplete();
    assertThat(reader.error()).contains("[DONE]");
  }

  @Test
  void anErrorInTheStreamIsToldInItsWords() {
    reader.onNext(HEAD + "At \"}}]}");
    reader.onNext("data: {\"error\":{\"message\":\"The executor is gone.\"}}");
    reader.onNext("data: [DONE]");
    assertThat(reader.error()).isEqualTo("The executor is gone.");
  }

  @Test
  void whatIsNoEventIsKept() {
    reader.onNext("{\"error\": \"no\"}");
    reader.onNext("data: {no json");
    assertThat(reader.other()).isEqualTo("{\"error\": \"no\"}");
    assertThat(reader.error()).contains("no JSON");
  }
}
