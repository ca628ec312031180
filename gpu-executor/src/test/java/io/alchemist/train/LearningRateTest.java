package io.alchemist.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LearningRateTest {

  @Test
  void constantAfterALinearWarmUp() {
    LearningRate rate = LearningRate.constant(0.4f, 4);
    assertThat(rate.at(1)).isEqualTo(0.1f);
    assertThat(rate.at(2)).isEqualTo(0.2f);
    assertThat(rate.at(4)).isEqualTo(0.4f);
    assertThat(rate.at(5)).isEqualTo(0.4f);
    assertThat(rate.at(1_000_000)).isEqualTo(0.4f);
  }

  @Test
  void withoutAWarmUpItBeginsAtThePeak() {
    assertThat(LearningRate.constant(0.4f, 0).at(1)).isEqualTo(0.4f);
  }

  @Test
  void halfACosineDownToAShareOfThePeak() {
    LearningRate rate = new LearningRate(1, 10, 110, 0.1f);
    assertThat(rate.at(10)).isEqualTo(1);
    assertThat(rate.at(60)).isCloseTo(0.55f, within(1e-6f));
    assertThat(rate.at(35)).isCloseTo((float) (0.1 + 0.45 * (1 + Math.sqrt(0.5))), within(1e-6f));
    assertThat(rate.at(110)).isCloseTo(0.1f, within(1e-6f));
    assertThat(rate.at(500)).as("stays there").isCloseTo(0.1f, within(1e-6f));
  }

  @Test
  void aScheduleThatEndsWithItsWarmUp() {
    LearningRate rate = new LearningRate(1, 10, 10, 0.1f);
    assertThat(rate.at(10)).isEqualTo(1);
    assertThat(rate.at(11)).isCloseTo(0.1f, within(1e-6f));
  }
}
