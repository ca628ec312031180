package io.alchemist.http;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.serve.TextService;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A service without an engine: tests say what becomes of each completion. */
final class FakeTextService implements TextService, AutoCloseable {
  static final String MODEL = "tiny";

  /** A completion the server asked for; the test plays the engine through it. */
  static final class Call implements Completion {
    final String id;
    final TextRequest request;
    final int[] prompt;
    final TextListener listener;
    final CompletableFuture<Boolean> cancelled = new CompletableFuture<>();

    Call(String id, TextRequest request, int[] prompt, TextListener listener) {
      this.id = id;
      this.request = request;
      this.prompt = prompt;
      this.listener = listener;
    }

    @Override
    public void cancel() {
      cancelled.complete(true);
    }

    boolean isCancelled() {
      return cancelled.isDone();
    }

    void say(String text) {
      listener.onText(text, List.of(token(text, request.topLogProbs())));
    }

    void stop(int completionTokens) {
      listener.onEnd(FinishReason.STOP, new TextListener.Usage(7, 3, completionTokens), null);
    }
  }

  /** What the engine does with a completion. */
  @FunctionalInterface
  interface Engine {
    void run(Call call);
  }

  final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  final BlockingQueue<Feedback> feedbacks = new LinkedBlockingQueue<>();
  /** Prompts whose tokens were asked for. */
  final BlockingQueue<TextRequest.Prompt> tokenized = new LinkedBlockingQueue<>();

  volatile Function<TextRequest.Prompt, int[]> tokenizer = prompt -> new int[] {1};
  volatile Engine engine = call -> {};
  volatile @Nullable RuntimeException refusal;
  volatile CompletionStage<Void> stored = CompletableFuture.completedFuture(null);
  volatile Health health = new Health(Health.Status.READY, "serving");
  private final ExecutorService thread = Executors.newSingleThreadExecutor();

  /** Each completion says these and stops; fewer where max_tokens says so. */
  static Engine says(String... words) {
    return call -> {
      Integer max = call.request.maxTokens();
      int count = max == null ? words.length : Math.min(max, words.length);
      for (int i = 0; i < count; i++) {
        call.say(words[i]);
      }
      FinishReason finish = count < words.length ? FinishReason.LENGTH : FinishReason.STOP;
      call.listener.onEnd(finish, new TextListener.Usage(7, 3, count), null);
    };
  }

  static TextListener.TokenInfo token(String text, int alternatives) {
    List<TextListener.Alternative> others = new ArrayList<>();
    for (int i = 0; i < alternatives; i++) {
      byte[] bytes = (i == 0 ? text : "alt" + i).getBytes(StandardCharsets.UTF_8);
      others.add(new TextListener.Alternative(i, bytes, -0.5f - i));
    }
    return new TextListener.TokenInfo(1, text.getBytes(StandardCharsets.UTF_8), -0.5f, others);
  }

  /** The next completion asked for. */
  Call nextCall() throws InterruptedException {
    Call call = calls.poll(10, TimeUnit.SECONDS);
    if (call == null) {
      throw new AssertionError("No completion was asked for within 10 s.");
    }
    return call;
  }

  @Override
  public ModelInfo model() {
    return new ModelInfo(MODEL, 1_700_000_000L, 2048, 5, List.of(5L, 4L));
  }

  @Override
  public int[] tokenize(TextRequest.Prompt prompt) {
    tokenized.add(prompt);
    return tokenizer.apply(prompt);
  }

  @Override
  public Completion complete(String id, TextRequest request, int[] prompt, TextListener listener) {
    RuntimeException refused = refusal;
    if (refused != null) {
      throw refused;
    }
    Call call = new Call(id, request, prompt, listener);
    calls.add(call);
    Engine current = engine;
    thread.execute(() -> current.run(call));
    return call;
  }

  @Override
  public CompletionStage<Void> feedback(Feedback feedback) {
    feedbacks.add(feedback);
    return stored;
  }

  @Override
  public Health health() {
    return health;
  }

  static RequestException busy() {
    return new RequestException(
        RequestException.Kind.BUSY, "queue_full", null, "All 8 places are taken; try again later.");
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
