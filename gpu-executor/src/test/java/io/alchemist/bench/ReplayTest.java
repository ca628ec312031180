package io.alchemist.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.engine.LatencyTargets;
import org.junit.jupiter.api.Test;

class ReplayTest {
  private static final long MILLI = 1_000_000;
  private final Replay replay = new Replay(new LatencyTargets(500, 50, 2_000, 0.1));

  @Test
  void percentilesAreLinearBetweenNeighbours() {
    Timed timed = new Timed();
    for (double value : new double[] {4, 1, 3, 2, 5}) {
      timed.add(value);
    }
    assertThat(timed.percentile(0)).isEqualTo(1);
    assertThat(timed.percentile(1)).isEqualTo(5);
    assertThat(timed.percentile(0.5)).isEqualTo(3);
    assertThat(timed.percentile(0.9)).isCloseTo(4.6, within(1e-9));
    timed.add(6);
    assertThat(timed.median()).isEqualTo(3.5);
  }

  @Test
  void theTailIsTheMeanOfTheLargest() {
    Timed timed = new Timed();
    for (int i = 40; i > 0; i--) {
      timed.add(i);
    }
    assertThat(timed.meanOfLargest(0.05)).isEqualTo(39.5);
    assertThat(timed.meanOfLargest(0.001)).as("one at least").isEqualTo(40);
    assertThat(timed.meanOfLargest(1)).isEqualTo(20.5);
  }

  @Test
  void windowsAreComparedInPairs() {
    Replay other = new Replay(new LatencyTargets(500, 50, 2_000, 0.1));
    long[] firsts = {100, 200, 400};
    long[] others = {200, 200, 100};
    for (int i = 0; i < 3; i++) {
      replay.window(1, 0, 0, 0);
      other.window(1, 0, 0, 0);
      replay.request(10 * MILLI, 10 * MILLI, 2);
      replay.request(firsts[i] * MILLI, firsts[i] * MILLI, 2);
      other.request(others[i] * MILLI, others[i] * MILLI, 2);
    }
    assertThat(replay.slowestFirstTokensOver(other)).as("of 0.5, 1 and 4").isEqualTo(1);
    assertThat(replay.slowestPerTokenOver(other)).isEqualTo(1);
  }

  @Test
  void ofNothingThereIsNoPercentile() {
    assertThatThrownBy(() -> new Timed().percentile(0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Of 0 times there is no percentile 0.5;"
            + " measure something, and ask for one in [0, 1].");
  }

  @Test
  void goodputCountsWhoMetBothTargets() {
    replay.window(4_000 * MILLI, 0, 0, 0);
    replay.request(500 * MILLI, 500 * MILLI, 11); // both at their limit
    replay.request(501 * MILLI, 500 * MILLI, 11);
    replay.request(500 * MILLI, 501 * MILLI, 11);
    replay.request(100 * MILLI, 0, 1);
    assertThat(replay.goodput()).isEqualTo(0.5);
    assertThat(replay.firstTokenMillis(1)).isCloseTo(501, within(1e-9));
    assertThat(replay.perTokenMillis(0))
        .as("one token has no time per token")
        .isCloseTo(50, within(1e-9));
  }

  @Test
  void trainingIsMeasuredByTheTimeThatServingLeft() {
    replay.window(1_000 * MILLI, 600 * MILLI, 300 * MILLI, 500);
    replay.window(1_000 * MILLI, 800 * MILLI, 240 * MILLI, 100);
    assertThat(replay.servingShare()).isCloseTo(0.7, within(1e-9));
    assertThat(replay.trainingShareOfIdle()).isCloseTo(0.9, within(1e-9));
    assertThat(replay.trainedTokensPerSecond()).isCloseTo(300, within(1e-9));
  }
}
