package io.alchemist.serve;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Waits for one turn as a whole, for callers that don't want its tokens as they come. Thread-safe. */
public final class PendingTurn implements TokenListener {
  private final CompletableFuture<Turn> turn = new CompletableFuture<>();
  private volatile long firstTokenNanos;
  private volatile long lastTokenNanos;

  /** The turn; fails with {@link RequestException} where it ended with an error. */
  public CompletableFuture<Turn> turn() {
    return turn;
  }

  /** {@link System#nanoTime} of the first token; 0 before. */
  public long firstTokenNanos() {
    return firstTokenNanos;
  }

  /** {@link System#nanoTime} of the last token so far; 0 before the first. */
  public long lastTokenNanos() {
    return lastTokenNanos;
  }

  @Override
  public boolean onToken(SampledToken token) {
    lastTokenNanos = System.nanoTime();
    if (firstTokenNanos == 0) {
      firstTokenNanos = lastTokenNanos;
    }
    return true;
  }

  @Override
  public void onEnd(Turn ended, @Nullable RequestException error) {
    if (error == null) {
      turn.complete(ended);
    } else {
      turn.completeExceptionally(error);
    }
  }
}
