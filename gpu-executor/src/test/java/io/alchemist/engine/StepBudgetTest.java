package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.serve.Demand;
import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.SliceKind;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepBudgetTest {
  private static final long MILLI = 1_000_000;
  private static final Demand NOTHING = new Demand(0, 0, 0, 0, 0, 0, 0);
  private static final Demand DECODING = new Demand(0, 0, 0, 0, 0, 1, 10);

  /** 500 ms for the first token, 50 ms for the next, training waits two seconds and may take all that is left. */
  private final StepBudget budget = new StepBudget(new LatencyTargets(500, 50, 2_000, 1), 16);

  private final long start = System.nanoTime();

  private long at(double millis) {
    return start + (long) (millis * MILLI);
  }

  private void token(String id, double endMillis, double tookMillis) {
    budget.stepTook(
        new StepReport(0, 1, 10, List.of(id)), at(endMillis), (long) (tookMillis * MILLI));
  }

  private void prefilled(int rows, double endMillis, double tookMillis) {
    budget.stepTook(
        new StepReport(rows, 0, 0, List.of()), at(endMillis), (long) (tookMillis * MILLI));
  }

  private void slice(int rows, double endMillis, double tookMillis) {
    budget.sliceTook(SliceKind.FORWARD, rows, at(endMillis), (long) (tookMillis * MILLI));
  }

  private boolean allows(int rows, Demand demand, double millis) {
    return budget.allows(SliceKind.FORWARD, rows, demand, at(millis));
  }

  /** One prompt with so many tokens left, which came at that time. */
  private Demand prompt(int rows, double arrivedMillis) {
    return new Demand(1, rows, 0, 1, at(arrivedMillis), 0, 0);
  }

  @Test
  void withNobodyWaitingForATokenTrainingRuns() {
    assertThat(allows(1_000, NOTHING, 0)).isTrue();
  }

  @Test
  void aSliceRunsWhereTheNextTokenIsStillInTime() {
    slice(100, 0, 10); // 0.1 ms a row
    token("a", 100, 20);
    assertThat(allows(100, DECODING, 100)).as("10 + 20 of 50 ms").isTrue();
    assertThat(allows(299, DECODING, 100)).as("29.9 + 20 of 50 ms").isTrue();
    assertThat(allows(301, DECODING, 100)).as("two rows more").isFalse();
    assertThat(allows(99, DECODING, 120)).as("20 ms later").isTrue();
    assertThat(allows(100, DECODING, 121)).isFalse();
  }

  @Test
  void theOneWhoWaitsLongestCounts() {
    slice(100, 0, 10);
    token("a", 100, 20);
    token("b", 120, 20);
    assertThat(allows(100, DECODING, 121)).isFalse();
    budget.ended("a");
    assertThat(allows(100, DECODING, 121)).isTrue();
    budget.ended("b");
    assertThat(allows(100_000, NOTHING, 121)).isTrue();
  }

  @Test
  void anAnswerThatWasHeldUpCatchesUpBeforeTrainingGoesOn() {
    slice(100, 0, 10);
    token("a", 100, 20);
    token("a", 300, 20); // due at 150: somebody else's prompt took the time
    assertThat(allows(1, DECODING, 300)).as("the third is due at 200").isFalse();
    for (int millis = 320; millis <= 380; millis += 20) {
      token("a", millis, 20);
    }
    assertThat(allows(1, DECODING, 380)).as("the seventh is due at 400").isFalse();
    token("a", 400, 20);
    assertThat(allows(100, DECODING, 400)).as("the eighth is due at 450").isTrue();
  }

  @Test
  void whoWasFastHasNoLongPauseForIt() {
    slice(100, 0, 10);
    for (int i = 0; i < 10; i++) {
      token("a", 100 + 20 * i, 20);
    }
    assertThat(allows(299, DECODING, 280)).isTrue();
    assertThat(allows(301, DECODING, 280)).as("50 ms after the last at most").isFalse();
  }

  @Test
  void whatTheNextPromptWillTakeIsHeldInReserve() {
    slice(100, 0, 10);
    token("a", 0, 20);
    // Another's prompt holds the answer up for 90 ms.
    budget.stepTook(new StepReport(64, 1, 0, List.of("a")), at(90), 90 * MILLI);
    for (int i = 1; i <= 4; i++) {
      token("a", 90 + 20 * i, 20);
    }
    // 6 tokens: on the average the seventh is due at 300, and less 90 ms at 210.
    assertThat(allows(180, DECODING, 170)).as("18 + 20 of 40 ms").isTrue();
    assertThat(allows(220, DECODING, 170)).as("22 + 20 of 40 ms").isFalse();
    for (int i = 0; i < 500; i++) { // short prompts only
      budget.stepTook(new StepReport(1, 1, 0, List.of("b")), at(170), MILLI);
    }
    budget.ended("b");
    assertThat(allows(290, DECODING, 170))
        .as("29 + 20 of 50 ms: long prompts are forgotten")
        .isTrue();
  }

  @Test
  void afterALateFirstTokenTrainingKeepsOut() {
    slice(100, 0, 1);
    assertThat(allows(1, prompt(10, 0), 501)).as("one millisecond late").isFalse();
    budget.nothingToTrain(at(600));
    token("a", 600, 20);
    assertThat(allows(1, DECODING, 600)).isFalse();
    budget.ended("a");
    assertThat(allows(1, NOTHING, 601)).as("with nobody there it goes on").isTrue();
    budget.nothingToTrain(at(5_500));
    token("b", 5_500, 20);
    assertThat(allows(1, DECODING, 5_500)).isFalse();
    assertThat(allows(1, DECODING, 5_502)).as("ten times the target later").isTrue();
  }

  @Test
  void decodingTakesLongerWithMoreSequencesAndTokens() {
    slice(100, 0, 10);
    for (int i = 0; i < 200; i++) {
      int rows = 1 + i % 4;
      long pairs = 100L * (1 + i % 7);
      double millis = 10 + 2 * rows + 0.01 * pairs;
      budget.stepTook(
          new StepReport(0, rows, pairs, List.of("a" + i)), at(i), (long) (millis * MILLI));
      budget.ended("a" + i);
    }
    token("a", 1_000, 10 + 2 + 0.1);
    Demand few = new Demand(0, 0, 0, 0, 0, 1, 100); // 13 ms
    Demand many = new Demand(0, 0, 0, 0, 0, 12, 1_000); // 44 ms
    assertThat(allows(300, few, 1_000)).as("30 + 13 of 50 ms").isTrue();
    assertThat(allows(30, many, 1_000)).as("3 + 44 of 50 ms").isTrue();
    assertThat(allows(100, many, 1_000)).as("10 + 44 of 50 ms").isFalse();
  }

  @Test
  void whilePromptsAreComputedTrainingWaits() {
    assertThat(allows(1, prompt(1, 10), 10)).isFalse();
    prefilled(100, 10, 10);
    assertThat(allows(1, prompt(1, 10), 1_000))
        .as("0.1 ms left of 500 ms, but it waits until prefill has finished")
        .isFalse();
  }

  @Test
  void afterHalfItsPatienceTrainingTakesWhatFirstTokensLeave() {
    prefilled(100, 0, 20); // 0.2 ms a row
    slice(100, 0, 10);
    assertThat(allows(100, prompt(500, 900), 1_000)).isFalse();
    assertThat(allows(100, prompt(500, 900), 1_001)).as("10 + 100 of 399 ms").isTrue();
    assertThat(allows(100, prompt(500, 611), 1_001)).as("10 + 100 of 110 ms").isTrue();
    assertThat(allows(100, prompt(500, 610), 1_001)).as("10 + 100 of 109 ms").isFalse();
    token("a", 1_000, 20);
    assertThat(allows(100, prompt(500, 900), 1_001))
        .as("and what next tokens leave: nothing, behind 500 rows")
        .isFalse();
    assertThat(allows(100, prompt(50, 900), 1_001)).as("10 + 10 of 49 ms").isTrue();
  }

  @Test
  void afterItsPatienceTrainingGetsOneSliceAllTheSame() {
    slice(100, 0, 10);
    token("a", 1_990, 60);
    assertThat(allows(100, prompt(500, 0), 2_000)).isFalse();
    assertThat(allows(100, prompt(500, 0), 2_001)).isTrue();
    slice(100, 2_011, 10);
    assertThat(allows(100, DECODING, 2_012)).as("and waits anew").isFalse();
    assertThat(allows(100, prompt(500, 0), 4_012)).isTrue();
  }

  @Test
  void whoHasNothingToTrainDoesNotRunOutOfPatience() {
    token("a", 1_990, 60);
    budget.nothingToTrain(at(1_990));
    assertThat(allows(100, prompt(500, 0), 3_000)).isFalse();
  }

  @Test
  void aSliceWithoutRowsTeachesNothing() {
    slice(100, 0, 10);
    slice(0, 100, 500);
    token("a", 100, 20);
    assertThat(allows(299, DECODING, 100)).isTrue();
  }

  @Test
  void theErrorOfThePredictionIsKnownByKind() {
    assertThat(budget.times().errors()).containsOnlyKeys(StepTimes.KINDS).containsValue(Double.NaN);
    token("a", 0, 20);
    token("a", 20, 40);
    slice(100, 0, 10);
    slice(100, 0, 8);
    assertThat(budget.times().errors().get("decode")).isCloseTo(0.5, within(1e-9));
    assertThat(budget.times().errors().get("forward")).isCloseTo(0.25, within(1e-9));
    assertThat(budget.times().errors().get("prefill")).isNaN();
    budget.stepTook(new StepReport(64, 1, 0, List.of("a")), at(200), 150 * MILLI);
    assertThat(budget.times().errors().get("decode"))
        .as("prefill is not decoding")
        .isCloseTo(0.5, within(1e-9));
  }

  @Test
  void ofAllKindsTogetherEachCountsByItsTime() {
    assertThat(budget.times().stepError()).isNaN();
    assertThat(budget.times().sliceError()).isNaN();
    slice(100, 0, 10);
    slice(100, 0, 8);
    assertThat(budget.times().sliceError()).isCloseTo(0.25, within(1e-9));
    budget.sliceTook(SliceKind.LOSS, 1, at(0), 1 * MILLI);
    assertThat(budget.times().sliceError()).as("a kind seen once").isCloseTo(0.25, within(1e-9));
    budget.sliceTook(SliceKind.LOSS, 1, at(0), 2 * MILLI);
    assertThat(budget.times().sliceError()).isCloseTo((18 * 0.25 + 3 * 0.5) / 21, within(1e-9));
    assertThat(budget.times().stepError()).isNaN();
    token("a", 0, 20);
    token("a", 20, 40);
    assertThat(budget.times().stepError()).isCloseTo(0.5, within(1e-9));
  }

  @Test
  void whereTheTimeWentIsKnown() {
    prefilled(100, 10, 10);
    token("a", 30, 20);
    slice(10, 35, 5);
    assertThat(budget.times().servingNanos()).isEqualTo(30 * MILLI);
    assertThat(budget.times().trainingNanos()).isEqualTo(5 * MILLI);
  }

  @Test
  void besideAnswersTrainingTakesItsShareInStretches() {
    StepBudget quarter = new StepBudget(new LatencyTargets(500, 50, 2_000, 0.25), 16);
    quarter.sliceTook(SliceKind.FORWARD, 100, at(0), 4 * MILLI);
    int stretches = 0;
    int slices = 0;
    double now = 0;
    for (int step = 0; step < 300; step++) {
      now += 10;
      quarter.stepTook(new StepReport(0, 1, 10, List.of("a")), at(now), 10 * MILLI);
      boolean any = false;
      while (quarter.allows(SliceKind.FORWARD, 100, DECODING, at(now))) {
        now += 4;
        quarter.sliceTook(SliceKind.FORWARD, 100, at(now), 4 * MILLI);
        slices++;
        any = true;
      }
      stretches += any ? 1 : 0;
    }
    // 3,000 ms of serving; what is begun with 20 ms of credit ends when it is used up.
    assertThat(slices * 4.0).isCloseTo(1_000, within(24.0));
    assertThat((double) slices / stretches).as("slices of 4 ms in one").isBetween(5.0, 6.0);
    quarter.ended("a");
    assertThat(quarter.allows(SliceKind.FORWARD, 100, NOTHING, at(now)))
        .as("with nobody there its share is all")
        .isTrue();
  }

  @Test
  void besideManyAnswersNoSliceRuns() {
    StepBudget half = new StepBudget(new LatencyTargets(500, 50, 2_000, 0.5), 16);
    half.sliceTook(SliceKind.FORWARD, 100, at(0), 4 * MILLI);
    half.stepTook(new StepReport(0, 5, 50, List.of("a", "b", "c", "d", "e")), at(30), 30 * MILLI);
    Demand five = new Demand(0, 0, 0, 0, 0, 5, 50);
    assertThat(half.allows(SliceKind.FORWARD, 10, five, at(30))).isFalse();
    half.ended("a");
    assertThat(half.allows(SliceKind.FORWARD, 10, DECODING, at(30)))
        .as("a quarter of sixteen")
        .isTrue();
  }

  @Test
  void timeWithoutAnswersIsNoDebt() {
    StepBudget tenth = new StepBudget(new LatencyTargets(500, 50, 2_000, 0.1), 16);
    for (int i = 0; i < 100; i++) {
      tenth.sliceTook(SliceKind.FORWARD, 100, at(10 * i), 10 * MILLI);
    }
    tenth.stepTook(new StepReport(0, 1, 10, List.of("a")), at(1_179), 179 * MILLI);
    assertThat(tenth.allows(SliceKind.FORWARD, 100, DECODING, at(1_179)))
        .as("19.9 ms of credit")
        .isFalse();
    tenth.ended("a");
    tenth.stepTook(new StepReport(0, 1, 10, List.of("b")), at(1_181), 2 * MILLI);
    assertThat(tenth.allows(SliceKind.FORWARD, 10, DECODING, at(1_181))).isTrue();
  }

  @Test
  void withoutAShareTrainingRunsBesideAnswersAfterItsPatienceOnly() {
    StepBudget none = new StepBudget(new LatencyTargets(500, 50, 2_000, 0), 16);
    none.sliceTook(SliceKind.FORWARD, 100, at(0), 4 * MILLI);
    for (int i = 1; i <= 100; i++) {
      none.stepTook(new StepReport(0, 1, 10, List.of("a")), at(20 * i), 10 * MILLI);
      assertThat(none.allows(SliceKind.FORWARD, 100, DECODING, at(20 * i))).isFalse();
    }
    assertThat(none.allows(SliceKind.FORWARD, 100, DECODING, at(2_001))).isTrue();
  }

  @Test
  void targetsThatCannotBeKeptAreRefused() {
    assertThatThrownBy(() -> new LatencyTargets(500, 50, 2_000, 1.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Training can't have a share of 1.5 of the time; give a number from 0 (none"
            + " beside answers) to 1.");
    assertThatThrownBy(() -> new LatencyTargets(0, 50, 2_000, 0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("A time to the first token of 0.0 ms, a time per token of 50.0 ms and a"
            + " patience of 2000.0 ms can't be kept; give positive times.");
  }
}
