package io.alchemist.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.cache.Prospect;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RetentionTest {
  private static final int PROMPT = 500;

  private long now = 1_000_000;
  /** A token saves a second, so what is expected of one is the chance. */
  private final Retention retention = new Retention((from, count) -> count, 1, () -> now);

  private int turns;

  private String turn(@Nullable String user) {
    String id = "turn-" + turns++;
    Prospect unused = retention.expect(id, new Traits("chat", user, 1), PROMPT);
    return id;
  }

  private Prospect prospect(String user) {
    return retention.expect("turn-" + turns++, new Traits("chat", user, 1), PROMPT);
  }

  private static double chance(Prospect prospect) {
    return prospect.expectedSeconds(0, 1);
  }

  /** One user judges every other answer, the other none. */
  private void learn(int rounds) {
    for (int i = 0; i < rounds; i++) {
      String judged = turn("judge");
      turn("judge");
      turn("silent");
      turn("silent");
      now += 30_000;
      retention.feedback(judged);
      retention.trained(judged);
    }
  }

  @Test
  void learnsWhoGivesFeedback() {
    learn(150);

    double judge = chance(prospect("judge"));
    double silent = chance(prospect("silent"));
    assertThat(judge).isBetween(0.3, 0.75);
    assertThat(silent).isLessThan(0.05);
  }

  @Test
  void chancesComeTrueOnTheWhole() {
    SplittableRandom random = new SplittableRandom(4);
    Deque<String> waiting = new ArrayDeque<>();
    for (int i = 0; i < 6000; i++) {
      int user = random.nextInt(40);
      String id = turn("user-" + user);
      now += 1000;
      // Half of the users judge a fifth of what they get, a minute later.
      waiting.add(user % 2 == 0 && random.nextInt(5) == 0 ? id : "");
      if (waiting.size() > 60 && !waiting.element().isEmpty()) {
        retention.feedback(waiting.element());
      }
      if (waiting.size() > 60) {
        waiting.remove();
      }
    }

    RetentionStats stats = retention.stats();
    assertThat(stats.turns()).isEqualTo(6000);
    assertThat(stats.feedback()).isBetween(500L, 700L);
    assertThat(stats.expectedFeedback() / stats.feedback()).isCloseTo(1, within(0.2));
  }

  @Test
  void whatHasWaitedLongIsExpectedLess() {
    learn(150); // feedback always takes half a minute
    Prospect prospect = prospect("judge");
    List<Double> chances = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      chances.add(chance(prospect));
      now += 20_000;
    }

    assertThat(chances.get(1)).isGreaterThan(0.8 * chances.get(0));
    assertThat(chances.get(3)).isLessThan(0.3 * chances.get(0));
    assertThat(chances).isSortedAccordingTo((a, b) -> Double.compare(b, a));
  }

  @Test
  void feedbackIsCertainUntilItIsTrained() {
    Prospect prospect = retention.expect("a", Traits.UNKNOWN, PROMPT);
    retention.feedback("a");
    assertThat(prospect.expectedSeconds(100, 20)).isEqualTo(20);

    retention.trained("a");
    assertThat(prospect.expectedSeconds(100, 20)).isZero();

    retention.feedback("a"); // a correction after the thumb
    assertThat(prospect.expectedSeconds(100, 20)).isEqualTo(20);
    now += 3_600_000;
    assertThat(prospect.expectedSeconds(100, 20)).as("never trained").isZero();
    assertThat(retention.stats().feedback()).as("one turn, however often").isEqualTo(1);
  }

  @Test
  void aConversationIsKeptForItsNextTurn() {
    for (int i = 0; i < 400; i++) {
      String id = "turn-" + turns++;
      Prospect unused = retention.expect(id, new Traits("chat", "judge", 1 + i % 2), PROMPT);
      now += 10_000;
      retention.feedback(id);
      retention.trained(id);
    }
    Prospect prospect = retention.expect("a", new Traits("chat", "judge", 1), PROMPT);
    retention.trained("a");

    assertThat(chance(prospect)).as("half of the turns go on").isBetween(0.5, 1.1);
    now += 3_600_000;
    assertThat(chance(prospect)).as("by now this one has not").isLessThan(0.05);
  }

  @Test
  void trainingTellsOfFeedbackThatWentElsewhere() {
    Prospect prospect = retention.expect("a", Traits.UNKNOWN, PROMPT);
    retention.trained("a");

    assertThat(chance(prospect)).isZero();
    assertThat(retention.stats().feedback()).isEqualTo(1);
    retention.feedback("of another executor");
    assertThat(retention.stats().strayFeedback()).isEqualTo(1);
  }

  @Test
  void remembersSoManyTurnsAndNoLongerThanADay() {
    for (int i = 0; i < 40_000; i++) {
      turn(null);
    }
    assertThat(retention.remembered()).isEqualTo(1 << 15);

    now += FeedbackDelays.HORIZON_MILLIS + 1;
    turn(null);
    assertThat(retention.remembered()).isEqualTo(1);
  }

  @Test
  void theSameCallsGiveTheSameChances() {
    RetentionTest other = new RetentionTest();
    learn(50);
    other.learn(50);

    assertThat(chance(prospect("judge"))).isEqualTo(chance(other.prospect("judge")));
    assertThat(retention.stats()).isEqualTo(other.retention.stats());
  }

  @Test
  void aFractionMayBeRecorded() {
    Retention third = new Retention((from, count) -> count, 1.0 / 3, () -> now);
    Retention none = new Retention((from, count) -> count, 0, () -> now);
    int recorded = 0;
    for (int i = 0; i < 3000; i++) {
      String id = "chatcmpl-" + i;
      recorded += third.mayRecord(id) ? 1 : 0;
      assertThat(third.mayRecord(id)).isEqualTo(third.mayRecord(id));
      assertThat(none.mayRecord(id)).isFalse();
      assertThat(retention.mayRecord(id)).isTrue();
    }
    assertThat(recorded).isBetween(900, 1100);
  }

  @Test
  void delaysAreLearntAndSurvivalFalls() {
    FeedbackDelays delays = new FeedbackDelays();
    assertThat(delays.survival(60_000)).isCloseTo(0.5, within(0.1));
    for (int i = 0; i < 300; i++) {
      delays.observe(600_000);
    }

    assertThat(delays.survival(0)).isCloseTo(1, within(1e-9));
    assertThat(delays.survival(60_000)).isGreaterThan(0.95);
    assertThat(delays.survival(1_200_000)).isLessThan(0.05);
    assertThat(delays.survival(Long.MAX_VALUE)).isCloseTo(0, within(1e-6));
    double before = 1;
    for (long age = 1; age < FeedbackDelays.HORIZON_MILLIS; age *= 2) {
      assertThat(delays.survival(age)).isLessThanOrEqualTo(before);
      before = delays.survival(age);
    }
  }
}
