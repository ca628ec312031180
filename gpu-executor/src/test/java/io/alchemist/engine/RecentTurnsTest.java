package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.FinishReason;
import io.alchemist.serve.Turn;
import org.junit.jupiter.api.Test;

class RecentTurnsTest {
  private static Turn turn(String id) {
    return new Turn(id, 1, new int[] {1}, new int[] {2}, new float[] {0}, 0, FinishReason.STOP, 0);
  }

  @Test
  void theLastTurnsAreFound() {
    RecentTurns log = new RecentTurns(2);
    log.add(turn("a"));
    log.add(turn("b"));
    assertThat(log.find("a")).isPresent();
    log.add(turn("c"));
    assertThat(log.find("a")).as("the oldest went").isEmpty();
    assertThat(log.find("b")).isPresent();
    assertThat(log.find("c").map(Turn::id)).contains("c");
    assertThat(log.find("nobody")).isEmpty();
  }

  @Test
  void aLogOfNothingRemembersNothing() {
    RecentTurns log = new RecentTurns(0);
    log.add(turn("a"));
    assertThat(log.find("a")).isEmpty();
  }
}
