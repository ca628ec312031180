package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Narrow limits, reached. */
class LimitsTest extends ApiTest {
  @Override
  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 2, 20_000, 256 << 10, 400, 5_000, 1_000);
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
  void closingWaitsForNoPromptThatIsBeingRead() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    service.tokenizer = prompt -> {
      try {
        never.await();
      } catch (InterruptedException e) {
        interrupted.complete(true);
      }
      throw new IllegalStateException("Nobody reads this prompt to its end.");
    };
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      await().until(() -> service.tokenized.size() == 1);
      server.close();
      assertThat(raw.rest()).isEmpty();
      assertThat(interrupted.get(10, TimeUnit.SECONDS)).isTrue();
      assertThat(service.calls).isEmpty();
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
