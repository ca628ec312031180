package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.DeviceMemoryException;
import org.junit.jupiter.api.Test;

class KvPagesTest {
  private final FakeDevice device = new FakeDevice(10_000);

  @Test
  void poolsHaveARowForEachTokenOfEachPage() {
    try (KvPages pages = new KvPages(device.memory, DType.BF16, 2, 8, 4, 3)) {
      assertThat(pages.keys(1).rows()).isEqualTo(12);
      assertThat(pages.values(0).cols()).isEqualTo(8);
      assertThat(pages.layers()).isEqualTo(2);
      assertThat(pages.pagesFor(0)).isZero();
      assertThat(pages.pagesFor(4)).isEqualTo(1);
      assertThat(pages.pagesFor(5)).isEqualTo(2);
    }
    device.memory.close();
  }

  @Test
  void pagesAreGivenOnceEach() {
    try (KvPages pages = new KvPages(device.memory, DType.F32, 1, 1, 4, 3)) {
      assertThat(new int[] {pages.allocate(), pages.allocate(), pages.allocate()})
          .containsExactlyInAnyOrder(0, 1, 2);
      assertThat(pages.freePages()).isZero();
      assertThatThrownBy(pages::allocate)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("All 3 K/V pages are in use; check freePages() and evict before allocating");
      pages.free(1);
      assertThat(pages.allocate()).isEqualTo(1);
    }
  }

  @Test
  void freeingTwiceIsAnError() {
    try (KvPages pages = new KvPages(device.memory, DType.F32, 1, 1, 4, 3)) {
      int page = pages.allocate();
      pages.free(page);
      assertThatThrownBy(() -> pages.free(page))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("K/V page " + page + " was freed twice");
      assertThatThrownBy(() -> pages.free(3)).hasMessage("K/V page 3 is not one of the 3");
    }
  }

  @Test
  void whatDoesNotFitLeavesNothingBehind() {
    assertThatThrownBy(() -> new KvPages(device.memory, DType.F32, 3, 8, 4, 20))
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessageContaining("No room for 'values'");
    assertThat(device.liveBlocks()).isZero();
    assertThatThrownBy(() -> new KvPages(device.memory, DType.F32, 3, 8, 0, 20))
        .hasMessageContaining("tokens of a page 0");
  }
}
