package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Allocator;
import io.alchemist.tensor.HostBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Host memory is the same memory as the device's here; it has an allocator of its own, so the device's limit is untouched. */
final class CpuHostBuffer implements HostBuffer {
  private final Allocator allocator;
  private final AtomicReference<@Nullable CpuBlock> block;
  private final long sizeBytes;

  CpuHostBuffer(Allocator allocator, long sizeBytes) {
    if (sizeBytes < 0) {
      throw new IllegalArgumentException("A host buffer can't have " + sizeBytes + " bytes");
    }
    this.allocator = allocator;
    this.block = new AtomicReference<>((CpuBlock) allocator.allocate(sizeBytes));
    this.sizeBytes = sizeBytes;
  }

  @Override
  public ByteBuffer bytes() {
    CpuBlock open = block.get();
    if (open == null) {
      throw new IllegalStateException("A host buffer of " + sizeBytes + " bytes is closed");
    }
    return open.bytes().slice(0, (int) sizeBytes).order(ByteOrder.nativeOrder());
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  /** Closing again does nothing. */
  @Override
  public void close() {
    CpuBlock open = block.getAndSet(null);
    if (open != null) {
      allocator.free(open);
    }
  }
}
