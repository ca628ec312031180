package io.alchemist.engine;

import io.alchemist.serve.RequestException;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.TokenListener;
import io.alchemist.serve.Turn;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Collects what a listener is told, and does something when a number of tokens is there. */
final class Answer implements TokenListener {
  private final int atToken;
  private final Runnable then;
  private final List<SampledToken> tokens = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Turn> turn = new CompletableFuture<>();
  private final CompletableFuture<Turn> ended = new CompletableFuture<>();

  Answer() {
    this(-1, () -> {});
  }

  /** Runs {@code then} on the engine thread, between two steps of the request, once it has {@code atToken} tokens. */
  Answer(int atToken, Runnable then) {
    this.atToken = atToken;
    this.then = then;
  }

  @Override
  public boolean onToken(SampledToken token) {
    tokens.add(token);
    if (tokens.size() == atToken) {
      then.run();
    }
    return true;
  }

  @Override
  public void onEnd(Turn last, @Nullable RequestException error) {
    ended.complete(last);
    if (error == null) {
      turn.complete(last);
    } else {
      turn.completeExceptionally(error);
    }
  }

  /** What fails the request before it began fails the turn. */
  void failWith(CompletableFuture<Void> queued) {
    CompletableFuture<Void> unused = queued.whenComplete((done, failed) -> {
      if (failed != null) {
        turn.completeExceptionally(failed);
        ended.completeExceptionally(failed);
      }
    });
  }

  /** Tokens so far. */
  List<SampledToken> tokens() {
    return tokens;
  }

  /** The turn; fails where the request does. */
  CompletableFuture<Turn> turn() {
    return turn;
  }

  /** The turn, also of a request that ended with an error. */
  CompletableFuture<Turn> ended() {
    return ended;
  }
}
