package io.alchemist.tensor.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class CpuCopyQueueTest {
  private final Ops ops = TestBackEnds.PLAIN;
  private final CopyQueue copies = ops.copies();

  /** Done when the latch is open. */
  private record Gate(CountDownLatch latch) implements Fence {
    @Override
    public boolean isDone() {
      return latch.getCount() == 0;
    }

    @Override
    public void await() {
      try {
        latch.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  @Test
  void copiesInOrderAndAfterTheirFence() {
    try (MemoryScope scope = ops.memory().child("test");
        Tensor tensor = scope.allocate("x", DType.F32, 2, 3);
        HostBuffer buffer = ops.hostBuffer(100)) {
      ops.upload(new float[] {1, 2, 3, 4, 5, 6}, tensor);
      Gate gate = new Gate(new CountDownLatch(1));
      Fence down = copies.download(tensor.rows(1, 1), buffer, 8, gate);
      Fence up = copies.upload(buffer, 8, tensor.rows(0, 1), ops.fence());
      assertThat(down.isDone()).isFalse();
      assertThat(up.isDone()).isFalse();
      // What is there when the fence opens is what is copied.
      ops.upload(new float[] {1, 2, 3, 7, 8, 9}, tensor);
      gate.latch().countDown();
      ops.waitFor(up);
      assertThat(down.isDone()).isTrue();
      assertThat(buffer.bytes().getFloat(12)).isEqualTo(8);
      assertThat(ops.read(tensor)).containsExactly(7, 8, 9, 7, 8, 9);
    }
  }

  @Test
  void aFailureSurfacesAtItsOwnFence() {
    try (MemoryScope scope = ops.memory().child("test");
        Tensor tensor = scope.allocate("x", DType.F32, 1, 1);
        HostBuffer open = ops.hostBuffer(4)) {
      HostBuffer closed = ops.hostBuffer(4);
      closed.close();
      closed.close();
      Fence failed = copies.download(tensor, closed, 0, ops.fence());
      Fence fine = copies.download(tensor, open, 0, ops.fence());
      assertThatThrownBy(failed::await)
          .hasMessageContaining("A copy between device and host failed")
          .hasMessageContaining("A host buffer of 4 bytes is closed");
      assertThat(failed.isDone()).isTrue();
      fine.await();
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (MemoryScope scope = ops.memory().child("test");
        Tensor tensor = scope.allocate("x", DType.F32, 1, 2);
        HostBuffer buffer = ops.hostBuffer(10)) {
      assertThatThrownBy(() -> copies.upload(buffer, 4, tensor, ops.fence()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "upload: F32 (1, 2) has 8 bytes, which do not fit at byte 4 of a host buffer of 10");
    }
  }

  @Test
  void closingWaitsForTheCopiesQueued() {
    CpuOps own = CpuOps.createPlain(1, 1 << 20);
    Tensor tensor = own.memory().allocate("x", DType.F32, 1, 1);
    HostBuffer buffer = own.hostBuffer(4);
    own.fill(tensor, 5);
    Fence last = own.copies().download(tensor, buffer, 0, own.fence());
    tensor.close();
    own.close();
    assertThat(last.isDone()).isTrue();
    assertThat(buffer.bytes().getFloat(0)).isEqualTo(5);
    buffer.close();
    assertThatThrownBy(() -> own.copies().download(tensor, buffer, 0, own.fence()))
        .hasMessage("The CPU back end is closed");
  }
}
