package io.alchemist.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TimeModelTest {
  private final SplittableRandom random = new SplittableRandom(5);

  @Test
  void nothingSeenIsNoTime() {
    TimeModel model = new TimeModel(2);
    assertThat(model.predict(100, 1)).isZero();
    assertThat(model.error()).isNaN();
  }

  @Test
  void oneObservationIsInProportionToTheFirstFeature() {
    TimeModel model = new TimeModel(2);
    model.observe(1_000, 10, 1);
    assertThat(model.predict(30, 1)).isCloseTo(3_000, within(1e-6));
  }

  @Test
  void findsTheCoefficients() {
    TimeModel model = new TimeModel(3);
    for (int i = 0; i < 300; i++) {
      double rows = 1 + random.nextInt(500);
      double pairs = rows * random.nextInt(1_000);
      model.observe((long) (200_000 * rows + 40 * pairs + 8e6), rows, pairs, 1);
    }
    assertThat(model.predict(512, 0, 1)).isCloseTo(512 * 200_000 + 8e6, within(2e6));
    assertThat(model.predict(100, 1e6, 1)).isCloseTo(100 * 200_000 + 40e6 + 8e6, within(2e6));
    assertThat(model.error()).isLessThan(0.01);
  }

  @Test
  void noCoefficientIsNegative() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 100; i++) {
      double rows = 1 + i % 10;
      model.observe((long) (1_000 + 10_000 / rows), rows, 1); // less with more rows
    }
    assertThat(model.predict(1_000, 1))
        .isGreaterThanOrEqualTo(model.predict(0, 1))
        .isPositive();
  }

  @Test
  void noiseIsEvenedOut() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 500; i++) {
      double rows = 100 + random.nextInt(900);
      model.observe((long) (50_000 * rows * (0.9 + 0.2 * random.nextDouble())), rows, 1);
    }
    assertThat(model.predict(500, 1)).isCloseTo(25e6, within(1.5e6));
    assertThat(model.error()).isBetween(0.01, 0.1);
  }

  @Test
  void followsAMachineThatSlowsDown() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 100; i++) {
      model.observe(1_000L * (1 + i % 8), 1 + i % 8, 1);
    }
    for (int i = 0; i < 120; i++) {
      model.observe(2_000L * (1 + i % 8), 1 + i % 8, 1);
    }
    assertThat(model.predict(4, 1)).isCloseTo(8_000, within(800.0));
  }

  @Test
  void whatFeaturesDoNotTellIsAveraged() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 400; i++) {
      model.observe(i % 8 == 0 ? 1_000 : 4_000, 100, 1);
    }
    assertThat(model.predict(100, 1)).as("7/8 of 4000 and 1/8 of 1000").isBetween(3_300.0, 3_900.0);
  }

  @Test
  void whatWasLearntFromColdCodeIsSoonForgotten() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 16; i++) {
      model.observe(100_000_000, 32, 1);
    }
    model.fade(0.05);
    for (int i = 0; i < 8; i++) {
      model.observe(20_000_000, 500 + i, 1);
    }
    assertThat(model.predict(500, 1)).isCloseTo(20e6, within(3e6));
  }

  @Test
  void anInterruptionCountsForLittle() {
    TimeModel model = new TimeModel(2);
    for (int i = 0; i < 40; i++) {
      model.observe(i == 30 ? 100_000 : 1_000, 10, 1);
    }
    assertThat(model.predict(10, 1)).isCloseTo(1_000, within(50.0));
  }

  @Test
  void aClockTooCoarseTeachesNothing() {
    TimeModel model = new TimeModel(1);
    model.observe(0, 1);
    model.observe(-5, 1);
    assertThat(model.predict(1)).isZero();
  }
}
