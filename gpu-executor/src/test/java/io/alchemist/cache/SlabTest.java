package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SlabTest {
  private final FakeDevice device = new FakeDevice(10_000);
  private final AtomicInteger released = new AtomicInteger();

  private Tensor tensor(int rows, int cols) {
    return device.memory.allocate("field", DType.F32, rows, cols);
  }

  @Test
  void lastReleaseGivesTheMemoryBack() {
    Slab slab =
        new Slab(3, new Tensor[][] {{tensor(3, 2), tensor(3, 1)}}, released::incrementAndGet);
    assertThat(slab.sizeBytes()).isEqualTo(36);
    assertThat(slab.fieldMask(0)).isEqualTo(3);
    assertThat(slab.retain()).isSameAs(slab);
    assertThat(slab.release()).isFalse();
    assertThat(released).hasValue(0);
    assertThat(slab.release()).isTrue();
    assertThat(released).hasValue(1);
    assertThatThrownBy(slab::release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("A slab of 3 rows was used after its last reference was released");
    assertThatThrownBy(slab::retain).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void fieldsMustHaveTheSameRows() {
    Tensor[][] uneven = {{tensor(3, 2), tensor(4, 1)}};
    assertThatThrownBy(() -> new Slab(3, uneven, released::incrementAndGet))
        .hasMessage("A field of layer 0 has 4 rows, the slab has 3");
    Tensor[][] ragged = {{tensor(3, 2)}, {}};
    assertThatThrownBy(() -> new Slab(3, ragged, released::incrementAndGet))
        .hasMessage("Layer 1 of a slab has 0 fields, layer 0 has 1");
    assertThatThrownBy(() -> new Slab(3, new Tensor[0][], released::incrementAndGet))
        .hasMessageContaining("at least one layer");
  }

  @Test
  void recordedRowsMustBeInTheSlab() {
    Slab slab = new Slab(3, new Tensor[][] {{tensor(3, 2)}}, released::incrementAndGet);
    assertThatThrownBy(() -> new Recorded(5, 3, slab, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Recorded positions 5 to 8 can't be rows 1 to 4 of a slab of 3");
  }
}
