package io.alchemist.engine;

import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.TokenListener;
import io.alchemist.serve.Turn;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Asks an engine for whole distributions, the way clients ask for the likeliest tokens. */
final class LogProbs {
  private LogProbs() {}

  /** Log-probabilities of all tokens (tokens, vocabulary) after each token of a sequence. */
  static float[] ofSequence(Engine engine, String id, int[] tokens) {
    int vocabulary = engine.model().vocabSize();
    float[] all = new float[tokens.length * vocabulary];
    for (int length = 1; length <= tokens.length; length++) {
      SampledToken next = next(engine, id + "-" + length, Arrays.copyOf(tokens, length));
      for (int i = 0; i < vocabulary; i++) {
        all[(length - 1) * vocabulary + next.alternativeIds()[i]] = next.alternativeLogProbs()[i];
      }
    }
    return all;
  }

  private static SampledToken next(Engine engine, String id, int[] prompt) {
    CompletableFuture<SampledToken> next = new CompletableFuture<>();
    GenerationRequest request = new GenerationRequest(
        id, prompt, 1, SamplingParams.GREEDY, engine.model().vocabSize());
    Engine.await(engine.generate(request, new TokenListener() {
      @Override
      public boolean onToken(SampledToken token) {
        next.complete(token);
        return true;
      }

      @Override
      public void onEnd(Turn turn, @Nullable RequestException error) {
        next.completeExceptionally(
            error == null ? new IllegalStateException("No token for " + id) : error);
      }
    }));
    return Engine.await(next);
  }
}
