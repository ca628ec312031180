package io.alchemist.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LinearFitTest {
  private final Random random = new Random(3);

  private double[] amounts() {
    return new double[] {1, 1 + random.nextInt(2000), random.nextInt(500), random.nextInt(1 << 20)};
  }

  private static double seconds(double... amounts) {
    return 1e-4 + 2e-5 * amounts[1] + 3e-6 * amounts[2] + 4e-9 * amounts[3];
  }

  @Test
  void findsTheCosts() {
    LinearFit fit = new LinearFit(4);
    for (int i = 0; i < 200; i++) {
      double[] amounts = amounts();
      fit.observe(amounts, seconds(amounts));
    }
    assertThat(fit.cost(1)).isCloseTo(2e-5, within(1e-6));
    assertThat(fit.cost(3)).isCloseTo(4e-9, within(4e-10));
    double[] other = {1, 777, 33, 123_456};
    assertThat(fit.predict(other)).isCloseTo(seconds(other), within(0.02 * seconds(other)));
    assertThat(fit.error()).isLessThan(0.05);
  }

  @Test
  void predictsNothingBeforeTheFirstMeasurement() {
    LinearFit fit = new LinearFit(2);
    assertThat(fit.predict(new double[] {1, 5})).isZero();
    assertThat(fit.error()).isNaN();
    assertThat(fit.count()).isZero();
  }

  @Test
  void oneMeasurementIsEnoughForItsLike() {
    LinearFit fit = new LinearFit(4);
    fit.observe(new double[] {1, 512, 0, 131_328}, 0.02);
    assertThat(fit.predict(new double[] {1, 512, 0, 131_328})).isCloseTo(0.02, within(1e-4));
  }

  @Test
  void amountsInTheSameProportionDontUpsetIt() {
    LinearFit fit = new LinearFit(3);
    for (int i = 1; i < 50; i++) {
      fit.observe(new double[] {1, 10 * i, 20 * i}, 1e-3 * i);
    }
    assertThat(fit.predict(new double[] {1, 300, 600})).isCloseTo(0.03, within(1e-3));
    for (int amount = 0; amount < 3; amount++) {
      assertThat(fit.cost(amount)).isNotNegative();
    }
  }

  @Test
  void costsAreNeverNegative() {
    LinearFit fit = new LinearFit(2);
    for (int i = 1; i < 30; i++) {
      fit.observe(new double[] {1, i}, 1.0 / i); // the more, the faster: no sum of costs
      assertThat(fit.cost(0)).isNotNegative();
      assertThat(fit.cost(1)).isNotNegative();
    }
  }

  @Test
  void followsAMachineThatGetsSlower() {
    LinearFit fit = new LinearFit(2);
    for (int i = 0; i < 100; i++) {
      fit.observe(new double[] {1, 100}, 0.01);
    }
    for (int i = 0; i < 150; i++) {
      fit.observe(new double[] {1, 100}, 0.03);
    }
    assertThat(fit.predict(new double[] {1, 100})).isCloseTo(0.03, within(0.002));
  }

  @Test
  void timesOfNothingAreIgnored() {
    LinearFit fit = new LinearFit(1);
    fit.observe(new double[] {1}, 0);
    fit.observe(new double[] {1}, Double.NaN);
    assertThat(fit.count()).isZero();
  }
}
