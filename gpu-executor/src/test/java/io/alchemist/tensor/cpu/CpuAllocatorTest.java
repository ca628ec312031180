package io.alchemist.tensor.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Storage;
import org.junit.jupiter.api.Test;

class CpuAllocatorTest {

  @Test
  void reusesAFreedBlockOfTheSameClass() {
    CpuAllocator allocator = new CpuAllocator(1 << 20);
    Storage first = allocator.allocate(100_000);
    allocator.free(first);
    assertThat(allocator.waitingBytes()).isEqualTo(first.sizeBytes());
    Storage second = allocator.allocate(99_000);
    assertThat(second).isSameAs(first);
    assertThat(allocator.waitingBytes()).isZero();
    allocator.free(second);
    allocator.giveBackUntil(0);
    assertThat(allocator.waitingBytes()).isZero();
  }

  @Test
  void usedAndWaitingBlocksStayWithinTheLimit() {
    CpuAllocator allocator = new CpuAllocator(1 << 20);
    Storage oldest = allocator.allocate(300_000);
    Storage newer = allocator.allocate(400_000);
    allocator.free(oldest);
    allocator.free(newer);
    // The oldest makes room.
    Storage third = allocator.allocate(500_000);
    assertThat(allocator.waitingBytes()).isEqualTo(newer.sizeBytes());
    Storage fourth = allocator.allocate(400_000);
    assertThat(fourth).isSameAs(newer);
    allocator.free(third);
    allocator.free(fourth);
    allocator.giveBackUntil(0);
  }

  @Test
  void classesWasteAnEighthAtMost() {
    CpuAllocator allocator = new CpuAllocator(0);
    for (int size : new int[] {0, 1, 4096, 4097, 70_000, 1 << 20, (1 << 20) + 1, 3_333_333}) {
      Storage block = allocator.allocate(size);
      assertThat(block.sizeBytes()).isBetween((long) size, Math.max(4096, size + size / 8L));
      allocator.free(block);
      assertThat(allocator.waitingBytes()).isZero();
    }
  }

  @Test
  void largeBlocksWasteLess() {
    CpuAllocator allocator = new CpuAllocator(0);
    int size = (300 << 20) + 1;
    Storage block = allocator.allocate(size);
    assertThat(block.sizeBytes()).isBetween((long) size, size + (16L << 20));
    allocator.free(block);
  }

  @Test
  void refusesBlocksThatABufferCannotHold() {
    assertThatThrownBy(() -> new CpuAllocator(1L << 40).allocate(1L << 31))
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessage(
            "A block of 2147483648 bytes is more than the 2147483519 bytes that one tensor can"
                + " have on the CPU; split it");
  }

  @Test
  void namesTheFlagWhenTheProcessHasNoMoreMemory() {
    // The tests run with 3 GiB: two blocks of nearly 2 GiB do not fit.
    CpuAllocator allocator = new CpuAllocator(1L << 40);
    assertThatThrownBy(() -> {
          Storage first = allocator.allocate(2_000_000_000L);
          try {
            allocator.allocate(2_000_000_000L);
          } finally {
            allocator.free(first);
            allocator.giveBackUntil(0);
          }
        })
        .isInstanceOf(DeviceMemoryException.class)
        .hasMessageContaining("2000000000 bytes of native memory")
        .hasMessageContaining("-XX:MaxDirectMemorySize");
  }
}
