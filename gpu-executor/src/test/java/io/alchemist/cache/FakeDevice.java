package io.alchemist.cache;

import io.alchemist.tensor.Allocator;
import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Storage;
import io.alchemist.tensor.Tensor;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The memory and copies of a back end, in plain arrays; a queued copy runs when the test says so. */
final class FakeDevice {
  private record Block(ByteBuffer bytes) implements Storage {
    @Override
    public long sizeBytes() {
      return bytes.capacity();
    }
  }

  private final class Buffer implements HostBuffer {
    private final ByteBuffer bytes;
    private boolean open = true;

    Buffer(int size) {
      bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
      openBuffers.incrementAndGet();
    }

    @Override
    public ByteBuffer bytes() {
      if (!open) {
        throw new IllegalStateException("host buffer is closed");
      }
      return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    @Override
    public long sizeBytes() {
      return bytes.capacity();
    }

    @Override
    public void close() {
      if (!open) {
        throw new IllegalStateException("host buffer was closed twice");
      }
      open = false;
      openBuffers.decrementAndGet();
    }
  }

  private static final class Copy implements Fence {
    private final Runnable work;
    private boolean done;
    private @Nullable RuntimeException failure;

    Copy(Runnable work) {
      this.work = work;
    }

    @Override
    public boolean isDone() {
      return done;
    }

    @Override
    public void await() {
      if (!done) {
        throw new IllegalStateException("the test would wait for ever");
      }
      if (failure != null) {
        throw failure;
      }
    }
  }

  final AtomicInteger openBuffers = new AtomicInteger();
  final MemoryScope memory;
  final Ops ops;
  private final Deque<Copy> copies = new ArrayDeque<>();
  private int liveBlocks;
  /** What the next copy fails with. */
  @Nullable
  RuntimeException nextFailure;
  /** Whether host memory is exhausted. */
  boolean outOfHostMemory;

  FakeDevice(long limitBytes) {
    memory = MemoryScope.root("device", limitBytes, new Allocator() {
      @Override
      public Storage allocate(long sizeBytes) {
        liveBlocks++;
        return new Block(ByteBuffer.allocate((int) sizeBytes).order(ByteOrder.nativeOrder()));
      }

      @Override
      public void free(Storage storage) {
        liveBlocks--;
      }
    });
    CopyQueue queue = new CopyQueue() {
      @Override
      public Fence download(Tensor from, HostBuffer to, long offsetBytes, Fence after) {
        return queued(() -> {
          after.await();
          to.bytes().put((int) offsetBytes, bytes(from), 0, (int) from.sizeBytes());
        });
      }

      @Override
      public Fence upload(HostBuffer from, long offsetBytes, Tensor to, Fence after) {
        return queued(() -> {
          after.await();
          bytes(to).put(0, from.bytes(), (int) offsetBytes, (int) to.sizeBytes());
        });
      }
    };
    Copy passed = new Copy(() -> {});
    passed.done = true;
    ops = (Ops) Proxy.newProxyInstance(
        Ops.class.getClassLoader(),
        new Class<?>[] {Ops.class},
        (proxy, method, args) -> switch (method.getName()) {
          case "memory" -> memory;
          case "copies" -> queue;
          case "fence" -> passed;
          case "hostBuffer" -> hostBuffer((Long) args[0]);
          default -> throw new UnsupportedOperationException(method.getName());
        });
  }

  HostBuffer hostBuffer(long size) {
    if (outOfHostMemory) {
      throw new OutOfMemoryError("no host memory, the test says");
    }
    return new Buffer((int) size);
  }

  private Fence queued(Runnable work) {
    Copy copy = new Copy(work);
    copies.add(copy);
    return copy;
  }

  /** The bytes of a tensor, in place. */
  static ByteBuffer bytes(Tensor t) {
    ByteBuffer all = ((Block) t.storage()).bytes;
    return all.slice((int) t.offsetBytes(), (int) t.sizeBytes()).order(ByteOrder.nativeOrder());
  }

  int queuedCopies() {
    return copies.size();
  }

  /** Runs the first {@code most} queued copies. */
  void runCopies(int most) {
    for (int i = 0; i < most && !copies.isEmpty(); i++) {
      Copy copy = copies.remove();
      copy.failure = nextFailure;
      nextFailure = null;
      if (copy.failure == null) {
        copy.work.run();
      }
      copy.done = true;
    }
  }

  void runCopies() {
    runCopies(Integer.MAX_VALUE);
  }

  /** Blocks of device memory not given back. */
  int liveBlocks() {
    return liveBlocks;
  }
}
