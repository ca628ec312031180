package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.apache.spark.storage.RDDBlockId;
import org.junit.jupiter.api.Test;

class BlockIndicesTest {

  @Test
  void executorsShareNoNumber() {
    Set<RDDBlockId> ids = new HashSet<>();
    for (String executor : new String[] {"0", "1", "7", "2047", "driver"}) {
      BlockIndices indices = new BlockIndices(5, executor);
      for (int i = 0; i < 100; i++) {
        RDDBlockId id = Objects.requireNonNull(indices.take());
        assertThat(id.rddId()).isEqualTo(5);
        assertThat(id.splitIndex()).isNotNegative();
        assertThat(ids.add(id)).as(id.name()).isTrue();
      }
    }
  }

  @Test
  void aNumberIsUsedAgainWhenAllOthersWere() {
    BlockIndices indices = new BlockIndices(5, "2047");
    RDDBlockId first = Objects.requireNonNull(indices.take());
    indices.free(first);
    for (int i = 1; i < BlockIndices.PER_EXECUTOR; i++) {
      assertThat(Objects.requireNonNull(indices.take()).splitIndex())
          .isEqualTo(first.splitIndex() + i);
    }
    assertThat(indices.take()).isEqualTo(first);
    assertThat(indices.take()).isNull();
    indices.free(new RDDBlockId(5, first.splitIndex() + 9));
    assertThat(indices.take()).isEqualTo(new RDDBlockId(5, first.splitIndex() + 9));
  }
}
