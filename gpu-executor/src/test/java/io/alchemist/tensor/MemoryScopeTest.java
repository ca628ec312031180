package io.alchemist.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MemoryScopeTest {
  /** Counts blocks; no memory is behind them. */
  private static final class CountingAllocator implements Allocator {
    final Set<Storage> live = new HashSet<>();

    @Override
    public Storage allocate(long sizeBytes) {
      Storage storage = new Storage() {
        @Override
        public long sizeBytes() {
          return sizeBytes;
        }
      };
      live.add(storage);
      return storage;
    }

    @Override
    public void free(Storage storage) {
      assertThat(live.remove(storage)).isTrue();
    }
  }

  private final CountingAllocator allocator = new CountingAllocator();

  @Test
  void countsAgainstEveryScopeAbove() {
    MemoryScope root = MemoryScope.root("device", 1000, allocator);
    MemoryScope child = root.child("weights");
    Tensor tensor = child.allocate("w", DType.F32, 5, 10);
    assertThat(child.usedBytes()).isEqualTo(200);
    assertThat(root.usedBytes()).isEqualTo(200);
    tensor.close();
    assertThat(root.usedBytes()).isZero();
    assertThat(root.peakBytes()).isEqualTo(200);
    root.resetPeak();
    assertThat(root.peakBytes()).isZero();
    root.close();
    assertThat(allocator.live).isEmpty();
  }

  @Test
  void refusesWhatDoesNotFitAndNamesTheScopeThatIsFull() {
    MemoryScope root = MemoryScope.root("device", 1000, allocator);
    MemoryScope child = root.child("cache", 400);
    MemoryScope grandchild = child.child("pages");
    try (Tensor held = grandchild.allocate("k", DType.F32, 10, 9)) {
      assertThatThrownBy(() -> grandchild.allocate("v", DType.F32, 1, 11))
          .isInstanceOf(DeviceMemoryException.class)
          .hasMessage(
              "No room for 'v' (44 bytes) in device/cache/pages: scope 'cache' holds 360 bytes"
                  + " of 400 bytes. Raise that limit, or give the work smaller batches.");
      assertThat(held.sizeBytes()).isEqualTo(360);
      try (Tensor sibling = root.allocate("x", DType.F32, 16, 10)) {
        assertThat(sibling.rows()).isEqualTo(16);
      }
    }
    root.close();
  }

  @Test
  void closingWithSomethingLeftFreesItAndFailsWithTheTree() {
    MemoryScope root = MemoryScope.root("device", 1 << 30, allocator);
    MemoryScope step = root.child("step");
    step.allocate("hidden", DType.F32, 1, 10);
    step.allocate("hidden", DType.F32, 1, 10);
    step.child("layer").allocate("gate", DType.F32, 1024, 1024);
    root.child("empty");
    assertThatThrownBy(step::close)
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessage(
            "Memory was not given back when scope device/step closed; close each tensor before"
                + " its scope:\n"
                + "step: 4.0 MiB\n"
                + "  - hidden x2: 80 bytes\n"
                + "  layer: 4.0 MiB\n"
                + "    - gate: 4.0 MiB\n");
    assertThat(allocator.live).isEmpty();
    assertThat(root.usedBytes()).isZero();
    root.close();
  }

  @Test
  void closingATensorTwiceIsAnErrorAndAScopeTwiceIsNot() {
    MemoryScope root = MemoryScope.root("device", 1000, allocator);
    Tensor tensor = root.allocate("x", DType.I32, 1, 1);
    tensor.rows(0, 1).close();
    tensor.close();
    assertThatThrownBy(tensor::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("'x' in device was closed twice");
    root.close();
    root.close();
    assertThatThrownBy(() -> root.allocate("y", DType.F32, 1, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Memory scope device is closed");
  }

  @Test
  void refusesNegativeShapesAndLimits() {
    assertThatThrownBy(() -> MemoryScope.root("device", -1, allocator))
        .hasMessage("Limit of memory scope 'device' is negative: -1");
    try (MemoryScope root = MemoryScope.root("device", 10, allocator)) {
      assertThatThrownBy(() -> root.allocate("x", DType.F32, -1, 2))
          .hasMessage("'x' has shape (-1, 2)");
    }
  }

  @Test
  void viewsStayInsideTheirTensor() {
    try (MemoryScope root = MemoryScope.root("device", 1000, allocator);
        Tensor tensor = root.allocate("x", DType.F32, 4, 6)) {
      assertThat(tensor.rows(1, 2).offsetBytes()).isEqualTo(24);
      assertThat(tensor.rows(1, 2).view(3, 3, 3).offsetBytes()).isEqualTo(36);
      assertThatThrownBy(() -> tensor.rows(3, 2))
          .isInstanceOf(IndexOutOfBoundsException.class)
          .hasMessage("rows 3 to 5 of F32 (4, 6)");
      assertThatThrownBy(() -> tensor.view(20, 1, 5)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
