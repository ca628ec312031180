package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** No bound on the bytes is reached, only the time. */
class StalledReaderTest extends ApiTest {
  @Override
  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 2, 20_000, 1 << 30, 300, 5_000, 1_000);
  }

  @Test
  void aReaderThatStallsIsCutOffAfterAWhile() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      // 20 MB are more than the kernel takes.
      String text = "x".repeat(100_000);
      for (int i = 0; i < 200; i++) {
        call.say(text);
      }
      assertThat(call.cancelled.get(10, TimeUnit.SECONDS)).isTrue();
    }
    await().untilAsserted(() -> assertThat(metrics.prometheusText())
        .contains("alchemist_http_slow_readers_total 1\n"));
  }
}
