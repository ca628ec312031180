package io.alchemist.tensor.cpu;

import io.alchemist.tensor.Fence;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** The end of one copy. Thread-safe. */
final class CopyFence implements Fence {
  private final CompletableFuture<Void> end = new CompletableFuture<>();

  /** Runs the copy once {@code after} is done, in the calling thread; what goes wrong is kept for {@link #await}. */
  void run(Fence after, Runnable copy) {
    try {
      after.await();
      copy.run();
      end.complete(null);
    } catch (Throwable e) {
      end.completeExceptionally(e);
    }
  }

  @Override
  public boolean isDone() {
    return end.isDone();
  }

  @Override
  public void await() {
    try {
      end.join();
    } catch (CompletionException e) {
      throw new IllegalStateException(
          "A copy between device and host failed: " + e.getCause(), e.getCause());
    }
  }
}
