package io.alchemist.engine;

import io.alchemist.serve.AnsweredTurn;
import io.alchemist.serve.Conversations;
import io.alchemist.serve.Feedback;
import io.alchemist.serve.FeedbackSink;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.SampledToken;
import io.alchemist.serve.TextListener;
import io.alchemist.serve.TextListener.Alternative;
import io.alchemist.serve.TextListener.TokenInfo;
import io.alchemist.serve.TextListener.Usage;
import io.alchemist.serve.TextRequest;
import io.alchemist.serve.TextService;
import io.alchemist.serve.TokenListener;
import io.alchemist.serve.Turn;
import io.alchemist.text.ChatMessage;
import io.alchemist.text.ChatTemplate;
import io.alchemist.text.Detokenizer;
import io.alchemist.text.StopStrings;
import io.alchemist.text.Tokenizer;
import io.alchemist.text.jinja.TemplateException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** An engine and its model's tokenizer and template, together: text in, text out. Thread-safe. */
public final class TextEngine implements TextService {
  private final Engine engine;
  private final LoadedModel model;
  private final FeedbackSink feedback;
  private final AnsweredTurn.Listener answers;
  /** A text with more is longer than the context, however it is cut: to find that out need not take long. */
  private final long mostCharacters;

  private final long createdEpochSeconds = Instant.now().getEpochSecond();

  /** Serves {@code model} by {@code engine}; owns neither, nor the sink. */
  public TextEngine(Engine engine, LoadedModel model, FeedbackSink feedback) {
    this(engine, model, feedback, turn -> {});
  }

  /** Likewise, and tells {@code answers} of each answer that was given. */
  public TextEngine(
      Engine engine, LoadedModel model, FeedbackSink feedback, AnsweredTurn.Listener answers) {
    this.answers = answers;
    this.mostCharacters =
        (long) engine.model().maxPositions() * model.tokenizer().longestToken();
    this.engine = engine;
    this.model = model;
    this.feedback = feedback;
  }

  @Override
  public ModelInfo model() {
    EngineStatus status = engine.lastStatus();
    return new ModelInfo(
        model.name(),
        createdEpochSeconds,
        engine.model().maxPositions(),
        status.liveVersion(),
        status.versions().stream().sorted((a, b) -> Long.compare(b, a)).toList());
  }

  @Override
  public Completion complete(
      String id, TextRequest request, int[] promptTokens, TextListener listener) {
    Integer asked = request.maxTokens();
    int most = asked == null ? engine.longestAnswer(promptTokens.length) : asked;
    Detokenizer detokenizer = request.prompt() instanceof TextRequest.Messages
        ? model.tokenizer().detokenizer()
        : model.tokenizer().continuingDetokenizer();
    GenerationRequest generation = new GenerationRequest(
        id,
        promptTokens,
        most,
        request.sampling(),
        request.topLogProbs(),
        request.recording(),
        Conversations.traits(request));
    CompletableFuture<Void> queued = engine.generate(
        generation,
        new Transcriber(
            listener, detokenizer, new StopStrings(request.stop()), request, promptTokens.length));
    CompletableFuture<Void> unused = queued.whenComplete((done, failure) -> {
      if (failure != null) {
        listener.onEnd(FinishReason.ERROR, new Usage(promptTokens.length, 0, 0), refusal(failure));
      }
    });
    return () -> engine.cancel(id);
  }

  private static RequestException refusal(Throwable failure) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    return cause instanceof RequestException refused
        ? refused
        : new RequestException(
            RequestException.Kind.UNAVAILABLE, "engine_failed", null, String.valueOf(cause));
  }

  @Override
  public int[] tokenize(TextRequest.Prompt prompt) {
    Tokenizer tokenizer = model.tokenizer();
    if (prompt instanceof TextRequest.RawText raw) {
      checkLength(raw.text().length());
      return tokenizer.encode(raw.text());
    }
    if (prompt instanceof TextRequest.Tokens tokens) {
      return tokens.ids().stream().mapToInt(Integer::intValue).toArray();
    }
    ChatTemplate template = model.template();
    if (template == null) {
      throw RequestException.invalid(
          "messages",
          "The model '" + model.name() + "' has no chat template, so it can't hold a conversation. "
              + "Use /v1/completions, or give its directory a chat_template.");
    }
    List<ChatMessage> messages = ((TextRequest.Messages) prompt).messages();
    checkLength(messages.stream().mapToLong(m -> m.content().length()).sum());
    try {
      return tokenizer.encodeChat(template, messages);
    } catch (TemplateException e) {
      throw RequestException.invalid(
          "messages", "The model's chat template refuses this conversation: " + e.getMessage());
    }
  }

  private void checkLength(long characters) {
    if (characters > mostCharacters) {
      throw new RequestException(
          RequestException.Kind.INVALID,
          "context_length_exceeded",
          null,
          "The prompt has " + characters + " characters, more than "
              + engine.model().maxPositions()
              + " tokens, the model's context, can stand for. Shorten the prompt.");
    }
  }

  @Override
  public CompletionStage<Void> feedback(Feedback given) {
    engine.noteFeedback(given.turnId());
    return feedback.append(given);
  }

  @Override
  public Health health() {
    String failure = engine.failure();
    if (failure != null) {
      return new Health(Health.Status.FAILED, failure);
    }
    return engine.isDraining()
        ? new Health(Health.Status.DRAINING, "The engine finishes what it has and takes no more.")
        : new Health(
            Health.Status.READY, "Serving version " + engine.lastStatus().liveVersion() + ".");
  }

  /** Turns one sequence's tokens into text for its listener. Engine thread. */
  private final class Transcriber implements TokenListener {
    private final TextListener listener;
    private final Detokenizer detokenizer;
    private final StopStrings stops;
    private final TextRequest request;
    private final int promptTokens;
    private final StringBuilder answer = new StringBuilder();
    private final long startNanos = System.nanoTime();
    private long firstTokenNanos;
    private long lastTokenNanos;

    Transcriber(
        TextListener listener,
        Detokenizer detokenizer,
        StopStrings stops,
        TextRequest request,
        int promptTokens) {
      this.listener = listener;
      this.detokenizer = detokenizer;
      this.stops = stops;
      this.request = request;
      this.promptTokens = promptTokens;
    }

    @Override
    public boolean onToken(SampledToken token) {
      lastTokenNanos = System.nanoTime();
      if (firstTokenNanos == 0) {
        firstTokenNanos = lastTokenNanos;
      }
      String text = stops.append(detokenizer.append(token.id()));
      answer.append(text);
      listener.onText(text, List.of(info(token)));
      return stops.hit().isEmpty();
    }

    private TokenInfo info(SampledToken token) {
      List<Alternative> alternatives = new ArrayList<>();
      for (int i = 0; i < token.alternativeIds().length; i++) {
        int id = token.alternativeIds()[i];
        alternatives.add(
            new Alternative(id, model.tokenizer().bytesOf(id), token.alternativeLogProbs()[i]));
      }
      byte[] bytes = model.tokenizer().bytesOf(token.id());
      return new TokenInfo(token.id(), bytes, token.logProb(), alternatives);
    }

    @Override
    public void onEnd(Turn turn, @Nullable RequestException error) {
      if (stops.hit().isEmpty()) {
        String rest = stops.append(detokenizer.flush());
        if (stops.hit().isEmpty()) {
          rest += stops.flush();
        }
        if (!rest.isEmpty()) {
          answer.append(rest);
          listener.onText(rest, List.of());
        }
      }
      int generated = turn.completion().length;
      if (generated > 0 && model.endOfTurn().contains(turn.completion()[generated - 1])) {
        generated--;
      }
      // Before the client hears of the end and can judge the answer.
      if (turn.completion().length > 0) {
        answers.answered(answered(turn));
      }
      listener.onEnd(turn.finish(), new Usage(promptTokens, turn.cachedTokens(), generated), error);
    }

    private AnsweredTurn answered(Turn turn) {
      int gaps = turn.completion().length - 1;
      return new AnsweredTurn(
          turn,
          Conversations.key(request.prompt()),
          request.user(),
          Conversations.question(request.prompt()),
          answer.toString(),
          firstTokenNanos - startNanos,
          gaps == 0 ? 0 : (lastTokenNanos - firstTokenNanos) / gaps,
          request.recording() == Recording.KEEP);
    }
  }
}
