package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class LatencyStatsTest {
  private final LatencyStats stats = new LatencyStats();

  @Test
  void percentilesAreNearestRanks() {
    for (int i = 200; i > 0; i--) {
      stats.add(i);
    }
    assertThat(stats.p50()).isEqualTo(100);
    assertThat(stats.p99()).isEqualTo(198);
    assertThat(stats.percentile(1)).isEqualTo(200);
    assertThat(stats.count()).isEqualTo(200);
    assertThatThrownBy(() -> stats.percentile(99)).hasMessageContaining("(0, 1]");
  }

  @Test
  void oneIsAllThereIs() {
    stats.add(7);
    assertThat(stats.p50()).isEqualTo(7);
    assertThat(stats.p99()).isEqualTo(7);
    assertThat(new LatencyStats().p50()).isNaN();
  }

  @Test
  void onlyTheLastAreKept() {
    for (int i = 0; i < LatencyStats.KEPT; i++) {
      stats.add(1);
    }
    for (int i = 0; i < LatencyStats.KEPT; i++) {
      stats.add(2);
    }
    assertThat(stats.percentile(0.001)).isEqualTo(2);
  }
}
