package io.alchemist.serve;

import io.alchemist.activation.ActivationRecorder;
import io.alchemist.activation.Retention;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.PrefixTree;
import io.alchemist.model.Transformer;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.StepRunner.Choice;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.weights.WeightSet;
import io.alchemist.weights.WeightStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serving: takes requests, computes a step at a time, tells listeners. Each request is served by the version that is live
 * when it comes, to its end. Engine thread.
 */
public final class Server implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Server.class);

  private final KvPages kv;
  private final PrefixTree tree;
  private final WeightStore store;
  private final Scheduler scheduler;
  private final StepRunner runner;
  private final ActivationRecorder recorder;
  private final @Nullable Retention retention;
  private final int contextTokens;
  private final Set<Integer> endOfTurn;
  private final BiConsumer<GenerationRequest, Turn> onTurn;
  private final Map<String, Sequence> byId = new HashMap<>();
  private long promptTokens;
  private long cachedTokens;
  private long generatedTokens;

  /**
   * Allocates what serving needs.
   *
   * @param retention told of each request, and asked what it is worth; null where nothing is learnt
   * @param endOfTurn tokens that end a completion
   * @param onTurn told of each request and its turn when it has ended, whatever the reason
   */
  public Server(
      Ops ops,
      MemoryScope parent,
      Transformer model,
      WeightStore store,
      KvPages kv,
      PrefixTree tree,
      ActivationRecorder recorder,
      @Nullable Retention retention,
      SchedulerConfig config,
      Set<Integer> endOfTurn,
      BiConsumer<GenerationRequest, Turn> onTurn) {
    this.kv = kv;
    this.tree = tree;
    this.store = store;
    this.scheduler = new Scheduler(config, kv, tree);
    this.runner = new StepRunner(ops, parent, model, kv, recorder, config);
    this.recorder = recorder;
    this.retention = retention;
    this.contextTokens = model.config().maxPositions();
    this.endOfTurn = Set.copyOf(endOfTurn);
    this.onTurn = onTurn;
  }

  /**
   * Checks what can be checked of a request without the engine; any thread.
   *
   * @throws RequestException saying what is wrong
   */
  public static void check(
      GenerationRequest request, int contextTokens, int vocabSize, long kvTokens) {
    int prompt = request.prompt().length;
    if (prompt == 0) {
      throw RequestException.invalid("prompt", "The prompt has no tokens; send some text.");
    }
    if (request.maxTokens() < 1) {
      throw RequestException.invalid(
          "max_tokens",
          "max_tokens = " + request.maxTokens() + " is not positive; ask for at least one token.");
    }
    if (prompt >= contextTokens) {
      throw new RequestException(
          RequestException.Kind.INVALID,
          "context_length_exceeded",
          null,
          "The prompt has " + prompt + " tokens, but the model's context holds " + contextTokens
              + " together with the answer. Shorten the prompt.");
    }
    long most = Math.min(contextTokens, (long) prompt + request.maxTokens());
    if (most > kvTokens) {
      throw new RequestException(
          RequestException.Kind.INVALID,
          "context_length_exceeded",
          "max_tokens",
          "Prompt and answer may come to " + most + " tokens, but this server's memory holds "
              + kvTokens
              + ". Ask for fewer tokens, or give the server more memory for keys and values.");
    }
    if (request.topLogProbs() < 0 || request.topLogProbs() > vocabSize) {
      throw RequestException.invalid(
          "top_logprobs",
          "top_logprobs = " + request.topLogProbs() + " is not in [0, " + vocabSize
              + "], the size of the vocabulary.");
    }
    for (int token : request.prompt()) {
      if (token < 0 || token >= vocabSize) {
        throw RequestException.invalid(
            "prompt",
            "Token " + token + " is not in the vocabulary, which ends at " + vocabSize + ".");
      }
    }
  }

  /**
   * Takes a request, which {@link #check} has let through.
   *
   * @throws RequestException when too many wait, or its id is in use
   */
  public void submit(GenerationRequest request, TokenListener listener) {
    if (byId.containsKey(request.id())) {
      throw RequestException.invalid(
          "id", "A request '" + request.id() + "' is being served already.");
    }
    WeightSet weights = store.pinLive();
    try {
      Sequence sequence = new Sequence(request, listener, weights, mayRecord(request));
      scheduler.add(sequence);
      byId.put(request.id(), sequence);
      // Who wants nothing kept is not learnt from either. Who is merely not recorded may share with
      // others who are.
      if (retention != null && request.recording() == Recording.KEEP) {
        sequence.expect(retention.expect(request.id(), request.traits(), request.prompt().length));
      }
    } catch (RequestException e) {
      store.unpin(weights);
      throw e;
    }
  }

  private boolean mayRecord(GenerationRequest request) {
    // Where there is no room for activations at all, steps need not be cut for their sake.
    return recorder.canRecord() && (retention == null || retention.mayRecord(request.id()));
  }

  /** Ends a request early; does nothing when it has ended. */
  public void cancel(String id) {
    Sequence sequence = byId.get(id);
    if (sequence != null) {
      end(sequence, FinishReason.CANCELLED, null);
    }
  }

  /** Whether anything is to be served. */
  public boolean hasWork() {
    return !scheduler.isEmpty();
  }

  /** What is asked of serving now. */
  public Demand demand() {
    return scheduler.demand();
  }

  /**
   * What one step did.
   *
   * @param prefillRows prompt tokens computed
   * @param decodeRows other tokens computed
   * @param pairs pairs of query and key in all of them
   * @param tokensFor requests that got a token and go on
   */
  public record StepReport(int prefillRows, int decodeRows, long pairs, List<String> tokensFor) {
    static final StepReport NOTHING = new StepReport(0, 0, 0, List.of());

    /** Rows computed. */
    public int rows() {
      return prefillRows + decodeRows;
    }
  }

  /** Computes one step. A pass that fails ends its sequences with an error and leaves the server usable. */
  public StepReport step() {
    int prefillRows = 0;
    int decodeRows = 0;
    long pairs = 0;
    List<String> tokensFor = new ArrayList<>();
    for (StepPlan plan : scheduler.plan()) {
      for (StepPlan.Chunk chunk : plan.chunks()) {
        if (chunk.sequence().prefilling()) {
          prefillRows += chunk.count();
        } else {
          decodeRows += chunk.count();
        }
        pairs += RaggedBatch.pairs(chunk.sequence().computed(), chunk.count());
      }
      for (Choice choice : run(plan)) {
        tryToAccept(choice);
        String id = choice.sequence().request().id();
        if (byId.containsKey(id)) {
          tokensFor.add(id);
        }
      }
    }
    return prefillRows + decodeRows == 0
        ? StepReport.NOTHING
        : new StepReport(prefillRows, decodeRows, pairs, tokensFor);
  }

  private List<Choice> run(StepPlan plan) {
    try {
      return runner.run(plan);
    } catch (RuntimeException | Error e) {
      LOG.error("A step of {} rows failed; its requests end with an error", plan.rows(), e);
      for (StepPlan.Chunk chunk : plan.chunks()) {
        end(chunk.sequence(), FinishReason.ERROR, stepFailed(e));
      }
      return List.of();
    }
  }

  private static RequestException stepFailed(Throwable why) {
    return new RequestException(
        RequestException.Kind.UNAVAILABLE,
        "step_failed",
        null,
        "The engine could not compute this request: " + why);
  }

  /** What fails for one request must not keep the others of its step from their tokens: these have gone on. */
  private void tryToAccept(Choice choice) {
    try {
      accept(choice);
    } catch (RuntimeException | Error e) {
      String id = choice.sequence().request().id();
      LOG.error("Request '{}' failed; it ends with an error", id, e);
      end(choice.sequence(), FinishReason.ERROR, stepFailed(e));
    }
  }

  private void accept(Choice choice) {
    Sequence sequence = choice.sequence();
    if (!byId.containsKey(sequence.request().id())) {
      return; // cancelled by a listener in this very step
    }
    SampledToken token = choice.token();
    if (token == null) {
      end(
          sequence,
          FinishReason.ERROR,
          new RequestException(
              RequestException.Kind.UNAVAILABLE,
              "not_a_number",
              null,
              "The model's output is not a number at token " + sequence.length()
                  + ": the weights of version " + sequence.weights().version()
                  + " overflow. Roll back to an earlier version."));
      return;
    }
    if (sequence.generated() == 0) {
      sequence.sharePrefix(tree, kv);
      promptTokens += sequence.request().prompt().length;
      cachedTokens += sequence.cachedTokens();
    }
    generatedTokens++;
    sequence.append(token.id(), token.logProb());
    if (endOfTurn.contains(token.id())) {
      end(sequence, FinishReason.STOP, null);
      return;
    }
    boolean goesOn;
    try {
      goesOn = sequence.listener().onToken(token);
    } catch (RuntimeException e) {
      LOG.error(
          "The listener of request '{}' failed; it is cancelled",
          sequence.request().id(),
          e);
      end(sequence, FinishReason.CANCELLED, null);
      return;
    }
    if (!goesOn) {
      end(sequence, FinishReason.STOP, null);
    } else if (sequence.generated() >= sequence.request().maxTokens()
        || sequence.length() >= contextTokens) {
      end(sequence, FinishReason.LENGTH, null);
    }
  }

  private void end(Sequence sequence, FinishReason finish, @Nullable RequestException error) {
    if (byId.remove(sequence.request().id()) == null) {
      return;
    }
    // Whatever fails on the way, the version is let go, and who waits is told.
    try {
      if (finish == FinishReason.ERROR) {
        scheduler.discard(sequence);
      } else {
        scheduler.remove(sequence);
      }
    } finally {
      store.unpin(sequence.weights());
      tell(sequence, sequence.turn(finish), error);
    }
  }

  private void tell(Sequence sequence, Turn turn, @Nullable RequestException error) {
    try {
      onTurn.accept(sequence.request(), turn);
    } finally {
      try {
        sequence.listener().onEnd(turn, error);
      } catch (RuntimeException e) {
        LOG.error("The listener of request '{}' failed at its end", turn.id(), e);
      }
    }
  }

  /** Ends everything with an error, e.g. when the time to drain is over. */
  public void abort(RequestException why) {
    for (Sequence sequence : List.copyOf(byId.values())) {
      end(sequence, FinishReason.ERROR, why);
    }
  }

  /** Counters and sizes. */
  public ServerStats stats() {
    return new ServerStats(
        scheduler.waiting(),
        scheduler.running().size(),
        promptTokens,
        cachedTokens,
        generatedTokens,
        scheduler.preemptions());
  }

  @Override
  public void close() {
    abort(new RequestException(
        RequestException.Kind.UNAVAILABLE,
        "closed",
        null,
        "The engine was closed before this request ended."));
    runner.close();
  }
}
