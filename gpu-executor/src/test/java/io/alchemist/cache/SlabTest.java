package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;
import org.junit.jupiter.api.Test;

class SlabTest {
  private final FakeDevice device = new FakeDevice(10_000);

  private Tensor tensor(int rows, int cols) {
    return device.memory.allocate("field", DType.F32, rows, cols);
  }

  @Test
  void lastReleaseClosesTheTensors() {
    Slab slab = new Slab(3, new Tensor[][] {{tensor(3, 2), tensor(3, 1)}});
    assertThat(slab.sizeBytes()).isEqualTo(36);
    assertThat(slab.fieldMask(0)).isEqualTo(3);
    assertThat(slab.retain()).isSameAs(slab);
    assertThat(slab.release()).isFalse();
    assertThat(device.liveBlocks()).isEqualTo(2);
    assertThat(slab.release()).isTrue();
    assertThat(device.liveBlocks()).isZero();
    assertThatThrownBy(slab::release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("A slab of 3 rows was used after its last reference was released");
    assertThatThrownBy(slab::retain).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void fieldsMustHaveTheSameRows() {
    Tensor[][] uneven = {{tensor(3, 2), tensor(4, 1)}};
    assertThatThrownBy(() -> new Slab(3, uneven))
        .hasMessage("A field of layer 0 has 4 rows, the slab has 3");
    Tensor[][] ragged = {{tensor(3, 2)}, {}};
    assertThatThrownBy(() -> new Slab(3, ragged))
        .hasMessage("Layer 1 of a slab has 0 fields, layer 0 has 1");
    assertThatThrownBy(() -> new Slab(3, new Tensor[0][]))
        .hasMessageContaining("at least one layer");
  }

  @Test
  void recordedRowsMustBeInTheSlab() {
    Slab slab = new Slab(3, new Tensor[][] {{tensor(3, 2)}});
    assertThatThrownBy(() -> new Recorded(5, 3, slab, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Recorded positions 5 to 8 can't be rows 1 to 4 of a slab of 3");
  }
}
