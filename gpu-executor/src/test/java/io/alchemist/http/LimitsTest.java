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
      String text = "x".repeat(100_000);
      int said = 0;
      while (!call.isCancelled() && said < 1_000) {
        call.say(text);
        said++;
        // The engine waits for nobody; the pause only lets the event loop keep pace with the test.
        await().pollDelay(1, TimeUnit.MILLISECONDS).until(() -> true);
      }
      // Kernel buffers take a few MB; 100 MB would mean that nothing bounds the stream.
      assertThat(said).isLessThan(1_000);
      assertThat(call.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    }
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains("alchemist_http_slow_readers_total 1\n"));
  }

  @Test
  void aReaderThatStallsIsCutOffAfterAWhile() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      // More than the kernel takes in pieces below the bound, then silence.
      String text = "x".repeat(70_000);
      for (int i = 0; i < 1_000 && !call.isCancelled(); i++) {
        call.say(text);
        if (i % 2 == 1) {
          await().pollDelay(5, TimeUnit.MILLISECONDS).until(() -> true);
        }
      }
      assertThat(call.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    }
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
