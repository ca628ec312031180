package io.alchemist.spark.internal;

import io.alchemist.tensor.HostBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/** Makes direct buffers, counts those that are open, and spoils them when they are closed, so that a late reader notices. */
final class CountedBuffers implements LongFunction<HostBuffer> {
  private static final byte SPOILT = (byte) 0xEE;

  final AtomicInteger open = new AtomicInteger();
  final AtomicLong openBytes = new AtomicLong();
  final AtomicInteger closedTwice = new AtomicInteger();

  @Override
  public HostBuffer apply(long sizeBytes) {
    return new Buffer((int) sizeBytes);
  }

  /** A buffer with a number in every eight bytes. */
  HostBuffer filled(int sizeBytes, long value) {
    HostBuffer buffer = apply(sizeBytes);
    ByteBuffer bytes = buffer.bytes();
    for (int at = 0; at + Long.BYTES <= sizeBytes; at += Long.BYTES) {
      bytes.putLong(at, value);
    }
    return buffer;
  }

  /** Whether every eight bytes are the number. */
  static boolean isFilled(HostBuffer buffer, long value) {
    ByteBuffer bytes = buffer.bytes();
    for (int at = 0; at + Long.BYTES <= bytes.limit(); at += Long.BYTES) {
      if (bytes.getLong(at) != value) {
        return false;
      }
    }
    return true;
  }

  private final class Buffer implements HostBuffer {
    private final ByteBuffer bytes;
    private final AtomicBoolean closed = new AtomicBoolean();

    Buffer(int sizeBytes) {
      bytes = ByteBuffer.allocateDirect(sizeBytes);
      open.incrementAndGet();
      openBytes.addAndGet(sizeBytes);
    }

    @Override
    public ByteBuffer bytes() {
      return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    @Override
    public long sizeBytes() {
      return bytes.capacity();
    }

    @Override
    public void close() {
      if (!closed.compareAndSet(false, true)) {
        closedTwice.incrementAndGet();
        return;
      }
      for (int at = 0; at < bytes.capacity(); at++) {
        bytes.put(at, SPOILT);
      }
      open.decrementAndGet();
      openBytes.addAndGet(-bytes.capacity());
    }
  }
}
