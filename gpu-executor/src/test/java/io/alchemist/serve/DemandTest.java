package io.alchemist.serve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DemandTest {
  @Test
  void eachTokenLooksAtThoseBeforeItAndItself() {
    assertThat(Demand.pairs(0, 0)).isZero();
    assertThat(Demand.pairs(0, 3)).as("1 + 2 + 3").isEqualTo(6);
    assertThat(Demand.pairs(10, 3)).as("11 + 12 + 13").isEqualTo(36);
    assertThat(Demand.pairs(100_000, 100_000))
        .as("more than an int holds")
        .isEqualTo(15_000_050_000L);
  }
}
