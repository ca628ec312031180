package io.alchemist.tensor.cpu;

import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.Tensor;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Copies, one after the other, on one thread. The queue is not bounded: an entry holds no memory of its own, and who queues
 * copies waits for their fences before it reuses the buffers. A copy that fails does so at its own fence only.
 *
 * <p>Thread-safe.
 */
final class CpuCopyQueue implements CopyQueue, AutoCloseable {
  /** Work done at once is done when it is asked for. */
  static final Fence DONE = new Fence() {
    @Override
    public boolean isDone() {
      return true;
    }

    @Override
    public void await() {}
  };

  private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
  private final Thread thread;
  private boolean closed;

  CpuCopyQueue() {
    thread = new Thread(this::work, "alchemist-cpu-copy");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public Fence download(Tensor from, HostBuffer to, long offsetBytes, Fence after) {
    checkRange("download", from, to, offsetBytes);
    return submit(after, () -> {
      ByteBuffer source = ((CpuBlock) from.storage()).bytes();
      to.bytes().put((int) offsetBytes, source, (int) from.offsetBytes(), (int) from.sizeBytes());
    });
  }

  @Override
  public Fence upload(HostBuffer from, long offsetBytes, Tensor to, Fence after) {
    checkRange("upload", to, from, offsetBytes);
    return submit(after, () -> {
      ByteBuffer target = ((CpuBlock) to.storage()).bytes();
      target.put((int) to.offsetBytes(), from.bytes(), (int) offsetBytes, (int) to.sizeBytes());
    });
  }

  private static void checkRange(String verb, Tensor tensor, HostBuffer buffer, long offsetBytes) {
    if (offsetBytes < 0 || offsetBytes > buffer.sizeBytes() - tensor.sizeBytes()) {
      throw new IllegalArgumentException(verb + ": " + tensor + " has " + tensor.sizeBytes()
          + " bytes, which do not fit at byte " + offsetBytes + " of a host buffer of "
          + buffer.sizeBytes());
    }
  }

  private synchronized Fence submit(Fence after, Runnable copy) {
    if (closed) {
      throw new IllegalStateException("The CPU back end is closed");
    }
    CopyFence fence = new CopyFence();
    queue.add(() -> fence.run(after, copy));
    return fence;
  }

  private void work() {
    try {
      while (!Thread.currentThread().isInterrupted()) {
        queue.take().run();
      }
    } catch (InterruptedException e) {
      // close() ends the thread this way, behind the last copy.
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for the copies queued so far and ends the thread. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      queue.add(thread::interrupt);
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
