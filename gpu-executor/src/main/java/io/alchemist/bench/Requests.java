package io.alchemist.bench;

import io.alchemist.engine.Engine;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SamplingParams;
import io.alchemist.serve.Turn;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;

/** Requests of made-up tokens, each with an id of its own. One thread. */
final class Requests {
  private final int vocabSize;
  private final SplittableRandom random;
  private int count;

  Requests(int vocabSize, long seed) {
    this.vocabSize = vocabSize;
    this.random = new SplittableRandom(seed);
  }

  /** So many random tokens. */
  int[] tokens(int length) {
    return random.ints(length, 0, vocabSize).toArray();
  }

  /** Sends a request; {@code times} hears of its tokens. */
  CompletableFuture<Turn> submit(
      Engine engine, int[] prompt, int maxTokens, Recording recording, PendingTurn times) {
    GenerationRequest request = new GenerationRequest(
        "bench-" + count++, prompt, maxTokens, SamplingParams.GREEDY, 0, recording);
    return engine.generate(request, times).thenCompose(done -> times.turn());
  }
}
