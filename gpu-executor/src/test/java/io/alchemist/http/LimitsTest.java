package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Narrow limits, reached. */
class LimitsTest extends ApiTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String STREAM = "{'messages':[{'role':'user','content':'x'}],'stream':true}";

  @Override
  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 2, 300, 256 << 10, 400, 5_000, 1_000);
  }

  @Test
  void aReaderThatNeverReadsIsCutOffAtTheBound() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      // 100 MB: the kernel takes a few, the bound is 256 KiB.
      String text = "x".repeat(100_000);
      for (int i = 0; i < 1_000; i++) {
        call.say(text);
      }
      assertThat(call.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    }
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains("alchemist_http_slow_readers_total 1\n"));
  }

  @Test
  void aBurstToAReaderThatReadsIsDelivered() throws Exception {
    service.engine = call -> {
      String text = "y".repeat(1_000);
      // Above the bound, but not by more than the kernel takes of it at once.
      for (int i = 0; i < 280; i++) {
        call.say(text);
      }
      call.stop(280);
    };

    assertThat(events(post(CHAT, STREAM).body())).hasSize(283);
  }

  @Test
  void idleConnectionsAndLateBodiesEnd() throws Exception {
    try (Raw idle = new Raw();
        Raw late = new Raw()) {
      idle.send("GET /hea");
      late.send("POST " + CHAT + " HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
      assertThat(late.rest())
          .startsWith("HTTP/1.1 408")
          .contains("The body did not come within 300 ms.");
      assertThat(idle.rest()).isEmpty();
    }
  }

  @Test
  void aLongAnswerIsNoIdleConnection() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      await().pollDelay(500, TimeUnit.MILLISECONDS).until(() -> true);
      assertThat(call.isCancelled()).isFalse();
      call.say("a");
      call.stop(1);
      assertThat(raw.head()).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void tooManyConnectionsAreRefused() throws Exception {
    try (Raw first = new Raw();
        Raw second = new Raw()) {
      first.sendPost(CHAT, STREAM);
      second.sendPost(CHAT, STREAM);
      service.nextCall();
      service.nextCall();
      try (Raw third = new Raw()) {
        assertThat(third.rest())
            .startsWith("HTTP/1.1 503")
            .contains("retry-after: 1")
            .contains("All 2 connections are taken; try again later.");
      }
    }
  }

  @Test
  void configurationIsChecked() {
    assertThatThrownBy(() -> config().at("127.0.0.1", 70_000))
        .hasMessage("port = 70000 is not in [0, 65535].");
    assertThatThrownBy(() -> new ApiConfig("h", 0, 0, 1, 1, 1, 1, 1, 1))
        .hasMessage("maxBodyBytes = 0 is less than 1.");
  }
}
