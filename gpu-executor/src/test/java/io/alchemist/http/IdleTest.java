package io.alchemist.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Clients that say nothing for longer than the server waits. */
class IdleTest extends ApiTest {
  @Override
  ApiConfig config() {
    return new ApiConfig("127.0.0.1", 0, 4096, 64, 2_000, 1 << 20, 20_000, 20_000, 2_000);
  }

  @Test
  void idleConnectionsAndLateBodiesEnd() throws Exception {
    try (Raw idle = new Raw();
        Raw late = new Raw()) {
      idle.send("GET /hea");
      late.send("POST " + CHAT + " HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
      assertThat(late.rest())
          .startsWith("HTTP/1.1 408")
          .contains("The body did not come within 2000 ms.");
      assertThat(idle.rest()).isEmpty();
    }
  }

  @Test
  void aLongAnswerIsNoIdleConnection() throws Exception {
    try (Raw raw = new Raw()) {
      raw.sendPost(CHAT, STREAM);
      FakeTextService.Call call = service.nextCall();
      await().pollDelay(3, TimeUnit.SECONDS).until(() -> true);
      assertThat(call.isCancelled()).isFalse();
      call.say("a");
      call.stop(1);
      assertThat(raw.head()).startsWith("HTTP/1.1 200");
    }
  }
}
