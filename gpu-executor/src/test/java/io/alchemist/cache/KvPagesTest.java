package io.alchemist.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.Tensor;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KvPagesTest {
  private final FakeDevice device = new FakeDevice(10_000);

  private DeviceArena arena(DType type, int layers, int kvDim, int pages) {
    return new DeviceArena(device.memory, type, layers, kvDim, 4, pages, 0);
  }

  @Test
  void pagesOfAllLayersLieApartAndWithinTheirPools() {
    try (DeviceArena arena = arena(DType.BF16, 3, 8, 5)) {
      KvPages pages = new KvPages(arena);
      assertThat(pages.layers()).isEqualTo(3);
      assertThat(pages.kvDim()).isEqualTo(8);
      assertThat(pages.pagesFor(0)).isZero();
      assertThat(pages.pagesFor(4)).isEqualTo(1);
      assertThat(pages.pagesFor(5)).isEqualTo(2);
      Set<Long> rows = new HashSet<>();
      for (int i = 0; i < 5; i++) {
        int page = pages.allocate();
        for (int layer = 0; layer < 3; layer++) {
          for (Tensor pool : new Tensor[] {pages.keys(layer), pages.values(layer)}) {
            assertThat(pool.cols()).isEqualTo(8);
            for (int row = 4 * page; row < 4 * page + 4; row++) {
              assertThat(rows.add(pool.rows(row, 1).offsetBytes()))
                  .as("page %d, layer %d, row %d", page, layer, row)
                  .isTrue();
            }
          }
        }
        pages.free(page);
        assertThat(pages.allocate()).isEqualTo(page);
      }
      assertThat(rows).hasSize(5 * 4 * 2 * 3);
      for (int i = 0; i < 5; i++) {
        pages.free(6 * i);
      }
    }
    device.memory.close();
  }

  @Test
  void pagesAreGivenOnceEach() {
    try (DeviceArena arena = arena(DType.F32, 1, 1, 3)) {
      KvPages pages = new KvPages(arena);
      assertThat(new int[] {pages.allocate(), pages.allocate(), pages.allocate()})
          .containsExactly(0, 2, 4);
      assertThat(pages.freePages()).isZero();
      assertThatThrownBy(pages::allocate)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("All 3 blocks for K/V pages are in use; check freePages() and evict before"
              + " allocating");
      pages.free(2);
      assertThat(pages.allocate()).isEqualTo(2);
      pages.free(0);
      pages.free(2);
      pages.free(4);
    }
  }

  @Test
  void freeingTwiceIsAnError() {
    try (DeviceArena arena = arena(DType.F32, 1, 1, 3)) {
      KvPages pages = new KvPages(arena);
      int page = pages.allocate();
      pages.free(page);
      assertThatThrownBy(() -> pages.free(page))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("K/V page " + page + " was freed twice");
      assertThatThrownBy(() -> pages.free(6))
          .hasMessage("K/V page 6 is not one of the 3, each 2 apart");
      assertThatThrownBy(() -> pages.free(1)).hasMessageContaining("K/V page 1 is not one");
    }
  }
}
