package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RaggedBatchTest {
  @Test
  void eachTokenLooksAtThoseBeforeItAndItself() {
    assertThat(RaggedBatch.pairs(0, 0)).isZero();
    assertThat(RaggedBatch.pairs(0, 3)).as("1 + 2 + 3").isEqualTo(6);
    assertThat(RaggedBatch.pairs(10, 3)).as("11 + 12 + 13").isEqualTo(36);
    assertThat(RaggedBatch.pairs(100_000, 100_000))
        .as("more than an int holds")
        .isEqualTo(15_000_050_000L);
  }
}
