package io.alchemist.http;

import io.alchemist.metrics.Family;
import io.alchemist.metrics.Histogram;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextRequest;
import io.alchemist.serve.TextService;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The completions of one request and the answer they make. The engine's callbacks only queue; the connection's event
 * loop takes all that is queued at once, so that a burst of tokens costs one wake-up and one flush. Prompts are cut into
 * tokens on another thread, as a long one would keep the loop's other connections waiting. Everything else is called on
 * the event loop.
 *
 * <p>A stream's head is sent with its first event, so that what is refused before that gets a proper status. A request
 * fails as a whole: when one choice fails, the others are cancelled.
 */
final class GenerationRun {
  private static final Logger LOG = LoggerFactory.getLogger(GenerationRun.class);

  private final Exchange exchange;
  private final Family<Histogram> firstTokenSeconds;
  private final Generation generation;
  private final Envelope envelope;
  private final List<Choice> choices = new ArrayList<>();
  private final List<TextService.Completion> completions = new ArrayList<>();
  private final Queue<Runnable> events = new ConcurrentLinkedQueue<>();
  private final AtomicInteger queued = new AtomicInteger();
  /** Nobody waits for the answer any more; read by the thread that tokenizes. */
  private volatile boolean cancelled;

  private boolean firstSeen;
  private boolean opened;
  private int ended;

  GenerationRun(
      Exchange exchange,
      Family<Histogram> firstTokenSeconds,
      Generation generation,
      Envelope envelope) {
    this.exchange = exchange;
    this.firstTokenSeconds = firstTokenSeconds;
    this.generation = generation;
    this.envelope = envelope;
    Choice.Keep keep = generation.delivery().streams() ? Choice.Keep.NOTHING : Choice.Keep.PIECES;
    for (int i = 0; i < generation.choices(); i++) {
      choices.add(new Choice(i, keep, generation.logProbs()));
    }
  }

  /**
   * Starts all choices, or answers why the service refuses one.
   *
   * @param tokenizing where prompts are cut into tokens
   */
  void start(TextService service, Executor tokenizing) {
    exchange.onAbort(this::cancel);
    tokenizing.execute(() -> post(tokenized(service)));
  }

  /** What to do with the prompts' tokens. Once for each prompt, however many choices it has; any thread. */
  private Runnable tokenized(TextService service) {
    List<int[]> prompts = new ArrayList<>();
    try {
      for (TextRequest.Prompt prompt : generation.prompts()) {
        if (cancelled) { // others wait for this thread
          return () -> {};
        }
        prompts.add(service.tokenize(prompt));
      }
      return () -> begin(service, prompts);
    } catch (RuntimeException | Error e) { // whoever waits must be told, whatever it was
      return () -> {
        throw e;
      };
    }
  }

  private void begin(TextService service, List<int[]> prompts) {
    for (Choice choice : choices) {
      completions.add(service.complete(
          turnId(choice.index()),
          generation.request(choice.index()),
          prompts.get(generation.prompt(choice.index())),
          new ChoiceListener(choice)));
    }
  }

  /** What feedback cites: the answer's id, or with several choices {@code <id>-<index>}. */
  private String turnId(int index) {
    return choices.size() == 1 ? envelope.id() : envelope.id() + "-" + index;
  }

  private void cancel() {
    cancelled = true;
    completions.forEach(TextService.Completion::cancel);
  }

  /** Any thread. */
  private void post(Runnable event) {
    events.add(event);
    if (queued.getAndIncrement() == 0) {
      wake();
    }
  }

  private void wake() {
    try {
      exchange.executor().execute(this::drain);
    } catch (RejectedExecutionException e) {
      // The server is closed, and with it this connection: nobody is left to tell.
      LOG.debug("An event of {} comes after the server's end.", envelope.id(), e);
    }
  }

  private void drain() {
    int count = queued.get();
    for (int i = 0; i < count; i++) {
      Runnable event = events.poll();
      if (event != null && !exchange.over()) {
        apply(event);
      }
    }
    exchange.flush();
    if (queued.addAndGet(-count) > 0) {
      // Others of this event loop come first.
      wake();
    }
  }

  private void apply(Runnable event) {
    try {
      event.run();
    } catch (RequestException e) {
      fail(ApiError.of(e));
    } catch (RuntimeException | Error e) {
      LOG.error("The answer {} failed.", envelope.id(), e);
      fail(ApiError.internal("The server failed to answer; its log says why."));
    }
  }

  private void text(Choice choice, String text, List<TextListener.TokenInfo> tokens) {
    if (choice.ended()) {
      return;
    }
    if (!firstSeen && !(text.isEmpty() && tokens.isEmpty())) {
      firstSeen = true;
      firstTokenSeconds.labels(exchange.route().template()).observeNanos(exchange.elapsedNanos());
    }
    Choice.Piece piece = choice.add(text, tokens);
    if (generation.delivery().streams() && !piece.isEmpty()) {
      open();
      exchange.event(envelope.chunk(json -> envelope.format().delta(json, choice, piece)));
    }
  }

  private void end(
      Choice choice,
      FinishReason finish,
      TextListener.Usage usage,
      @Nullable RequestException error) {
    if (choice.ended()) {
      return;
    }
    if (finish == FinishReason.ERROR || finish == FinishReason.CANCELLED) {
      fail(failure(finish, error));
      return;
    }
    choice.end(finish, usage);
    ended++;
    if (generation.delivery().streams()) {
      open();
      exchange.event(envelope.chunk(json -> envelope.format().finish(json, choice)));
    }
    if (ended == choices.size()) {
      finish();
    }
  }

  private void finish() {
    switch (generation.delivery()) {
      case WHOLE -> exchange.json(HttpResponseStatus.OK, envelope.whole(choices, usage()));
      case STREAM -> exchange.endEvents();
      case STREAM_WITH_USAGE -> {
        exchange.event(envelope.usageChunk(usage()));
        exchange.endEvents();
      }
    }
  }

  private void open() {
    if (opened) {
      return;
    }
    opened = true;
    exchange.beginEvents();
    if (envelope.format().hasOpening()) {
      for (Choice choice : choices) {
        exchange.event(envelope.chunk(json -> envelope.format().opening(json, choice)));
      }
    }
  }

  private void fail(ApiError error) {
    exchange.fail(error);
    cancel();
  }

  private static ApiError failure(FinishReason finish, @Nullable RequestException error) {
    if (error != null) {
      return ApiError.of(error);
    }
    return finish == FinishReason.CANCELLED
        ? ApiError.unavailable("cancelled", "The engine ended the completion before it was whole.")
        : ApiError.internal("The engine could not go on with the completion; its log says why.");
  }

  /** A prompt counts once, however many choices it has. */
  private TextListener.Usage usage() {
    int prompt = 0;
    int cached = 0;
    int completion = 0;
    for (Choice choice : choices) {
      if (choice.index() % generation.n() == 0) {
        prompt += choice.usage().promptTokens();
        cached += choice.usage().cachedTokens();
      }
      completion += choice.usage().completionTokens();
    }
    return new TextListener.Usage(prompt, cached, completion);
  }

  /** Any thread: brings what the engine reports to the event loop. */
  private final class ChoiceListener implements TextListener {
    private final Choice choice;

    ChoiceListener(Choice choice) {
      this.choice = choice;
    }

    @Override
    public void onText(String text, List<TokenInfo> tokens) {
      post(() -> text(choice, text, tokens));
    }

    @Override
    public void onEnd(FinishReason finish, Usage usage, @Nullable RequestException error) {
      post(() -> end(choice, finish, usage, error));
    }
  }
}
