package io.alchemist.tensor.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Runs the pieces of one operation on the calling thread and a few workers. The cores are shared with other work of the
 * process, so a piece is taken by whoever is free, and a worker without work spins for some tens of microseconds only (the
 * next operation usually comes sooner) and then sleeps.
 *
 * <p>One thread at a time calls {@link #run}.
 */
final class CpuPool implements AutoCloseable {
  /** One piece of an operation. */
  interface Piece {
    /**
     * Does the piece.
     *
     * @param index of the piece
     * @param thread 0 to threads - 1; a number is used by one thread at a time, so it may own scratch memory
     */
    void run(int index, int thread);
  }

  private static final long SPIN_NANOS = 40_000;

  private final Thread[] workers;
  private volatile Job latest = new Job(0, (index, thread) -> {}, Thread.currentThread());
  private volatile boolean closed;

  /** A pool of the calling thread and {@code threads - 1} workers. */
  CpuPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("A pool needs at least 1 thread, not " + threads);
    }
    workers = new Thread[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      int thread = i + 1;
      workers[i] = new Thread(() -> work(thread), "alchemist-cpu-" + thread);
      workers[i].setDaemon(true);
      workers[i].start();
    }
  }

  int threads() {
    return workers.length + 1;
  }

  /**
   * Runs pieces 0 to {@code pieces - 1}, in any order, and returns when all are done.
   *
   * @throws RuntimeException what the first failing piece threw; pieces not begun by then are left out
   */
  void run(int pieces, Piece piece) {
    if (closed) {
      throw new IllegalStateException("The CPU back end is closed");
    }
    if (pieces == 1 || workers.length == 0) {
      for (int i = 0; i < pieces; i++) {
        piece.run(i, 0);
      }
      return;
    }
    Job job = new Job(pieces, piece, Thread.currentThread());
    latest = job;
    for (int i = 0; i < Math.min(workers.length, pieces - 1); i++) {
      LockSupport.unpark(workers[i]);
    }
    job.takePieces(0);
    job.awaitEnd();
  }

  private void work(int thread) {
    Job seen = latest;
    seen.takePieces(thread);
    long idleSince = System.nanoTime();
    while (!closed) {
      Job job = latest;
      if (job != seen) {
        seen = job;
        job.takePieces(thread);
        idleSince = System.nanoTime();
      } else if (System.nanoTime() - idleSince < SPIN_NANOS) {
        Thread.onSpinWait();
      } else {
        // A permit given since the check above makes this return at once.
        LockSupport.park(this);
      }
    }
  }

  /** Ends the workers; no operation may be running. */
  @Override
  public void close() {
    closed = true;
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  private static final class Job {
    private final int pieces;
    private final Piece piece;
    private final Thread caller;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private volatile @Nullable Throwable failure;

    Job(int pieces, Piece piece, Thread caller) {
      this.pieces = pieces;
      this.piece = piece;
      this.caller = caller;
    }

    void takePieces(int thread) {
      for (int i = next.getAndIncrement(); i < pieces; i = next.getAndIncrement()) {
        try {
          if (failure == null) {
            piece.run(i, thread);
          }
        } catch (Throwable e) {
          failure = e;
        }
        if (done.incrementAndGet() == pieces && thread != 0) {
          LockSupport.unpark(caller);
        }
      }
    }

    void awaitEnd() {
      long start = System.nanoTime();
      while (done.get() < pieces) {
        if (System.nanoTime() - start < SPIN_NANOS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
      Throwable thrown = failure;
      if (thrown instanceof Error e) {
        throw e;
      }
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
    }
  }
}
