package io.alchemist.spark.router;

import io.alchemist.http.ApiConfig;
import io.alchemist.http.ApiServer;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.Feedback;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.serve.TextService;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A real API server without an engine: it answers each prompt with its own id, or as the test says. */
final class FakeExecutor implements TextService, AutoCloseable {

  /** A completion under way. */
  static final class Call implements Completion {
    final TextListener listener;
    final CompletableFuture<Boolean> cancelled = new CompletableFuture<>();

    Call(TextListener listener) {
      this.listener = listener;
    }

    @Override
    public void cancel() {
      cancelled.complete(true);
    }

    void say(String text) {
      listener.onText(text, List.of());
    }

    void stop() {
      listener.onEnd(FinishReason.STOP, new TextListener.Usage(7, 3, 2), null);
    }
  }

  /** What becomes of a completion; on the event loop. */
  @FunctionalInterface
  interface Engine {
    void run(Call call);
  }

  final String id;
  final ApiServer server;
  final Metrics metrics = new Metrics();
  final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  final BlockingQueue<Feedback> feedbacks = new LinkedBlockingQueue<>();
  final AtomicInteger completions = new AtomicInteger();
  volatile Engine engine;
  volatile boolean draining;

  FakeExecutor(String id) throws IOException {
    this.id = id;
    this.engine = call -> {
      call.say("from ");
      call.say(id);
      call.stop();
    };
    ApiConfig config =
        new ApiConfig("127.0.0.1", 0, 1 << 20, 2_000, 60_000, 8 << 20, 60_000, 5_000, 500);
    server = ApiServer.start(config, this, metrics);
  }

  /** As the fleet sees it. */
  Backend backend(Backend.State state, int load) {
    return new Backend(id, "127.0.0.1", server.port(), state, load, 5, "");
  }

  Call nextCall() throws InterruptedException {
    Call call = calls.poll(10, TimeUnit.SECONDS);
    if (call == null) {
      throw new AssertionError("No completion was asked of " + id + " within 10 s.");
    }
    return call;
  }

  @Override
  public ModelInfo model() {
    return new ModelInfo("tiny", 1_700_000_000L, 2048, 5, List.of(5L, 4L));
  }

  @Override
  public int[] tokenize(TextRequest.Prompt prompt) {
    return new int[] {1};
  }

  @Override
  public Completion complete(
      String turnId, TextRequest request, int[] prompt, TextListener listener) {
    if (draining) {
      throw new RequestException(
          RequestException.Kind.UNAVAILABLE, "draining", null, "The engine is draining.");
    }
    completions.incrementAndGet();
    Call call = new Call(listener);
    calls.add(call);
    engine.run(call);
    return call;
  }

  @Override
  public CompletionStage<Void> feedback(Feedback feedback) {
    feedbacks.add(feedback);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public Health health() {
    return new Health(Health.Status.READY, "serving");
  }

  @Override
  public void close() {
    server.close();
  }
}
