package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Executors that say nothing, or nothing more, for longer than the router waits. */
class TimeoutTest extends RouterFixture {
  @Override
  RouterConfig config() {
    return new RouterConfig("127.0.0.1", 0, 64 << 10, 500, 2_000, 1_500, 1_500, 2_000);
  }

  @Test
  void aStreamThatStallsEndsWithAnErrorEvent() throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    try (ScriptedServer scripted = new ScriptedServer(socket -> {
          ScriptedServer.send(
              socket, ScriptedServer.EVENTS_HEAD + ScriptedServer.chunk("data: 1\n\n"));
          try {
            while (socket.getInputStream().read() >= 0) {}
          } finally {
            closed.countDown();
          }
        });
        Raw raw = new Raw()) {
      fleet.set(scripted.backend("s"));
      raw.sendPost(CHAT, stream("q"));
      assertThat(raw.rest())
          .contains("data: 1\n\n")
          .containsPattern("nothing came for (1[5-9]|[2-9][0-9]|[1-9][0-9]{2})[0-9]{2} ms")
          .endsWith("0\r\n\r\n");
      assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void anAnswerThatDoesNotBeginInTimeIs504() throws Exception {
    FakeExecutor silent = executors.get(0);
    silent.engine = call -> {};
    fleet.set(silent.backend(Backend.State.READY, 0));
    assertThat(error(post(CHAT, chat("q")), 504))
        .isEqualTo("executor_timeout|Executor " + silent.id + " did not answer within 1500 ms; ask "
            + "for fewer tokens, or stream the answer.");
    assertThat(silent.nextCall().cancelled.get(10, TimeUnit.SECONDS)).isTrue();
  }
}
