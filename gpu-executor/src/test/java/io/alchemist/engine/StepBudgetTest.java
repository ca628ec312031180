package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.SliceKind;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepBudgetTest {
  private static final long MILLI = 1_000_000;
  /** 50 ms for a token, training waits two seconds. */
  private final StepBudget budget = new StepBudget(new LatencyTargets(50, 2_000));

  private final long start = System.nanoTime();

  private long at(double millis) {
    return start + (long) (millis * MILLI);
  }

  private void token(String id, double endMillis, double tookMillis) {
    budget.stepTook(new StepReport(0, 1, List.of(id)), at(endMillis), (long) (tookMillis * MILLI));
  }

  private void slice(int rows, double endMillis, double tookMillis) {
    budget.sliceTook(SliceKind.FORWARD, rows, at(endMillis), (long) (tookMillis * MILLI));
  }

  @Test
  void withNobodyWaitingForATokenTrainingRuns() {
    assertThat(budget.allows(SliceKind.FORWARD, 1_000, false, at(0))).isTrue();
  }

  @Test
  void aSliceRunsWhereTheNextTokenIsStillInTime() {
    slice(100, 0, 10); // 0.1 ms a row
    token("a", 100, 20);
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(100)))
        .as("10 + 20 of 50 ms")
        .isTrue();
    assertThat(budget.allows(SliceKind.FORWARD, 300, false, at(100)))
        .as("30 + 20 of 50 ms")
        .isTrue();
    assertThat(budget.allows(SliceKind.FORWARD, 301, false, at(100)))
        .as("a row too many")
        .isFalse();
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(120)))
        .as("20 ms later")
        .isTrue();
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(121))).isFalse();
  }

  @Test
  void theOneWhoWaitsLongestCounts() {
    slice(100, 0, 10);
    token("a", 100, 20);
    token("b", 120, 20);
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(121))).isFalse();
    budget.ended("a");
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(121))).isTrue();
    budget.ended("b");
    assertThat(budget.allows(SliceKind.FORWARD, 100_000, false, at(121))).isTrue();
  }

  @Test
  void whilePromptsAreComputedTrainingWaits() {
    assertThat(budget.allows(SliceKind.FORWARD, 1, true, at(10))).isFalse();
  }

  @Test
  void afterItsPatienceTrainingGetsOneSliceAllTheSame() {
    slice(100, 0, 10);
    token("a", 1_990, 60);
    assertThat(budget.allows(SliceKind.FORWARD, 100, true, at(2_000))).isFalse();
    assertThat(budget.allows(SliceKind.FORWARD, 100, true, at(2_001))).isTrue();
    slice(100, 2_011, 10);
    assertThat(budget.allows(SliceKind.FORWARD, 100, false, at(2_012)))
        .as("and waits anew")
        .isFalse();
    assertThat(budget.allows(SliceKind.FORWARD, 100, true, at(4_012))).isTrue();
  }

  @Test
  void whoHasNothingToTrainDoesNotRunOutOfPatience() {
    token("a", 1_990, 60);
    budget.nothingToTrain(at(1_990));
    assertThat(budget.allows(SliceKind.FORWARD, 100, true, at(3_000))).isFalse();
  }

  @Test
  void timesAreRunningMeans() {
    slice(100, 0, 10);
    slice(100, 0, 20); // 0.1 and a fifth of the way to 0.2 ms a row
    token("a", 100, 20);
    assertThat(budget.allows(SliceKind.FORWARD, 250, false, at(100)))
        .as("30 + 20 of 50 ms")
        .isTrue();
    assertThat(budget.allows(SliceKind.FORWARD, 251, false, at(100))).isFalse();
    slice(0, 100, 500);
    assertThat(budget.allows(SliceKind.FORWARD, 250, false, at(100)))
        .as("a slice without rows teaches nothing")
        .isTrue();
  }

  @Test
  void theErrorOfThePredictionIsKnown() {
    assertThat(budget.predictionError()).isZero();
    token("a", 0, 20);
    token("a", 20, 40);
    assertThat(budget.predictionError()).isCloseTo(0.5, within(1e-9));
    budget.stepTook(new StepReport(64, 1, List.of("a")), at(200), 150 * MILLI);
    assertThat(budget.predictionError()).as("prefill is not decoding").isCloseTo(0.5, within(1e-9));
  }
}
