package io.alchemist.bench;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.StepTimes;
import io.alchemist.model.Activations;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Measures what training beside serving costs serving, and what it gets: a trace of requests is replayed against one engine
 * at a share of its capacity, in windows with and without a training backlog that never runs dry. Each window is replayed
 * both ways, one after the other, so that both see the same requests and the same machine, at a share of the capacity measured
 * just before.
 */
final class ColocateBench {
  private static final double LOAD = 0.7;
  private static final int MAX_SEQUENCES = 16;
  private static final int STEP_TOKENS = 256;
  private static final int MAX_PROMPT = 896;
  private static final int MAX_ANSWER = 128;
  private static final int KV_TOKENS = 16 * 1024;
  private static final int LOGGED_TOKENS = 8 * 1024;
  private static final long MEMORY = 6L << 30;
  /** Targets that let training and serving take turns, a stretch and a step or two. */
  private static final LatencyTargets IN_TURNS = new LatencyTargets(1e6, 50, 1e6, 0.5);

  private final Options options;
  private final Trace trace;
  private final Consumer<String> progress;
  private final Requests requests;

  /**
   * What is measured.
   *
   * @param model random weights of this shape
   * @param targets what serving promises
   * @param lengthScale prompts and answers are so many times as long as in the trace
   * @param microBatchTokens rows of a training pass at most
   * @param threads of the CPU
   * @param quick fewer and shorter windows
   */
  record Options(
      ModelConfig model,
      LatencyTargets targets,
      double lengthScale,
      int microBatchTokens,
      int threads,
      boolean quick) {
    private static final int LEAST_MICRO_BATCH = 64;

    Options {
      if (!(lengthScale > 0) || microBatchTokens < LEAST_MICRO_BATCH) {
        throw new IllegalArgumentException("A length scale of " + lengthScale
            + " and a micro-batch of " + microBatchTokens
            + " tokens leave nothing to measure; give a positive scale and at least "
            + LEAST_MICRO_BATCH + " tokens.");
      }
    }

    int pairs() {
      return quick ? 2 : 6;
    }

    int requestsPerWindow() {
      return quick ? 30 : 80;
    }

    int requests() {
      return pairs() * requestsPerWindow();
    }
  }

  /** Replays a trace that has as many requests as the options need. */
  ColocateBench(Options options, Trace trace, Consumer<String> progress) {
    this.options = options;
    this.progress = progress;
    this.requests = new Requests(options.model().vocabSize(), 17);
    this.trace = trace
        .part(0, options.requests())
        .withLengths(options.lengthScale(), MAX_PROMPT, MAX_ANSWER);
  }

  /** Runs everything; the figures by name. */
  Map<String, Object> run() {
    Map<String, Object> figures = new LinkedHashMap<>();
    settings(figures);
    try (Engine engine = engine(options.targets())) {
      figures.put("device", engine.description());
      Backlog backlog = new Backlog(engine, options.microBatchTokens());
      colocate(figures, engine, backlog);
    }
    try (Engine engine = engine(IN_TURNS)) {
      suspend(figures, engine);
    }
    return figures;
  }

  private void settings(Map<String, Object> figures) {
    figures.put("parameters", options.model().parameters());
    figures.put("threads", options.threads());
    figures.put("load", LOAD);
    figures.put("length_scale", options.lengthScale());
    figures.put("prompt_tokens_mean", mean(trace, true));
    figures.put("answer_tokens_mean", mean(trace, false));
    figures.put("windows", options.pairs());
    figures.put("requests_per_window", options.requestsPerWindow());
    figures.put("first_token_target_ms", options.targets().firstTokenMillis());
    figures.put("per_token_target_ms", options.targets().perTokenMillis());
    figures.put("training_patience_ms", options.targets().trainingPatienceMillis());
    figures.put("training_share_most", options.targets().trainingShare());
    figures.put("max_sequences", MAX_SEQUENCES);
    figures.put("step_tokens", STEP_TOKENS);
    figures.put("micro_batch_tokens", options.microBatchTokens());
  }

  private static double mean(Trace trace, boolean prompts) {
    return trace.requests().stream()
        .mapToInt(r -> prompts ? r.promptTokens() : r.answerTokens())
        .average()
        .orElse(0);
  }

  private Engine engine(LatencyTargets targets) {
    ModelConfig model = options.model();
    LoraSpec lora = new LoraSpec(8, 16, Set.of(LinearLayer.Q, LinearLayer.V));
    long activationBytes = Activations.bytesPerRow(model) * model.layers() * LOGGED_TOKENS;
    return BenchEngine.start(
        model,
        options.threads(),
        MEMORY,
        new CacheConfig(16, KV_TOKENS, activationBytes, 0, 0, null),
        new SchedulerConfig(MAX_SEQUENCES, STEP_TOKENS, options.requests()),
        targets,
        new Trainable.Adapter(lora, 3),
        new TrainerConfig(options.microBatchTokens(), 8 << 20, 4),
        1);
  }

  private void colocate(Map<String, Object> figures, Engine engine, Backlog backlog) {
    progress.accept("warming up");
    Trace warm = trace.part(0, options.requestsPerWindow() / 2);
    capacity(engine, backlog, warm);
    alone(backlog, 2);
    progress.accept("training alone");
    figures.put("training_tokens_per_s_alone", alone(backlog, options.quick() ? 5 : 20));
    List<Double> capacities = new ArrayList<>();
    Replay off = new Replay(options.targets());
    Replay on = new Replay(options.targets());
    for (int i = 0; i < options.pairs(); i++) {
      progress.accept("window " + (i + 1) + " of " + options.pairs());
      int from = i * options.requestsPerWindow();
      // Measured anew each time: a shared machine may have become faster or slower.
      Trace part = trace.part(from, options.requestsPerWindow());
      double capacity = capacity(engine, backlog, part);
      capacities.add(capacity);
      Trace window = part.atRate(LOAD * capacity);
      // Who goes first alternates, so that neither always meets a warmer or a busier machine.
      for (boolean training : i % 2 == 0 ? List.of(false, true) : List.of(true, false)) {
        replay(engine, backlog, window, training, training ? on : off);
      }
    }
    figures.put("capacity_requests_per_s_least", Collections.min(capacities));
    figures.put("capacity_requests_per_s_most", Collections.max(capacities));
    report(figures, off, on);
    engine
        .status()
        .join()
        .times()
        .errors()
        .forEach((kind, error) -> figures.put("prediction_error_" + kind, error));
  }

  /**
   * Requests a second when all are there from the start: those answered by the time the last one begins, after which the engine
   * has less and less to do, and half of each under way then.
   */
  private double capacity(Engine engine, Backlog backlog, Trace all) {
    long start = System.nanoTime();
    List<PendingTurn> pending = new ArrayList<>();
    List<CompletableFuture<Turn>> turns = new ArrayList<>();
    for (Trace.Request request : all.requests()) {
      PendingTurn times = new PendingTurn();
      pending.add(times);
      turns.add(submit(engine, request.promptTokens(), request.answerTokens(), times));
    }
    for (CompletableFuture<Turn> turn : turns) {
      backlog.served(turn.join());
    }
    long full = 0;
    for (PendingTurn times : pending) {
      full = Math.max(full, times.firstTokenNanos() - start);
    }
    double answered = 0;
    for (PendingTurn times : pending) {
      answered += times.lastTokenNanos() - start <= full ? 1 : 0.5;
    }
    return answered / (full * 1e-9);
  }

  /** Tokens a second that training gets through on an engine that serves nobody. */
  private static double alone(Backlog backlog, int seconds) {
    backlog.start();
    long start = System.nanoTime();
    sleepUntil(start + seconds * 1_000_000_000L);
    double rate = backlog.done().tokens() / ((System.nanoTime() - start) * 1e-9);
    backlog.stop();
    return rate;
  }

  private void replay(Engine engine, Backlog backlog, Trace window, boolean training, Replay into) {
    StepTimes before = engine.status().join().times();
    if (training) {
      backlog.start();
    }
    long start = System.nanoTime();
    List<PendingTurn> pending = new ArrayList<>();
    List<Long> due = new ArrayList<>();
    List<CompletableFuture<Void>> turns = new ArrayList<>();
    for (Trace.Request request : window.requests()) {
      long at = start + (long) (request.seconds() * 1e9);
      sleepUntil(at);
      PendingTurn times = new PendingTurn();
      pending.add(times);
      due.add(at);
      turns.add(submit(engine, request.promptTokens(), request.answerTokens(), times)
          .thenAccept(backlog::served));
    }
    turns.forEach(CompletableFuture::join);
    StepTimes after = engine.status().join().times();
    long wall = System.nanoTime() - start;
    GradientReport trained = training ? backlog.done() : GradientReport.NOTHING;
    if (training) {
      backlog.stop();
    }
    into.window(
        wall,
        after.servingNanos() - before.servingNanos(),
        after.trainingNanos() - before.trainingNanos(),
        trained.tokens());
    for (int i = 0; i < pending.size(); i++) {
      PendingTurn times = pending.get(i);
      into.request(
          times.firstTokenNanos() - due.get(i),
          times.lastTokenNanos() - times.firstTokenNanos(),
          window.requests().get(i).answerTokens());
    }
  }

  private static void report(Map<String, Object> figures, Replay off, Replay on) {
    compare(figures, "ttft_ms_p50", off.firstTokenMillis(0.5), on.firstTokenMillis(0.5));
    compare(figures, "ttft_ms_p99", off.firstTokenMillis(0.99), on.firstTokenMillis(0.99));
    compare(
        figures, "ttft_ms_slowest", off.slowestFirstTokensMillis(), on.slowestFirstTokensMillis());
    figures.put("ttft_slowest_paired_ratio", on.slowestFirstTokensOver(off));
    compare(figures, "tpot_ms_p50", off.perTokenMillis(0.5), on.perTokenMillis(0.5));
    compare(figures, "tpot_ms_p99", off.perTokenMillis(0.99), on.perTokenMillis(0.99));
    compare(figures, "tpot_ms_slowest", off.slowestPerTokenMillis(), on.slowestPerTokenMillis());
    figures.put("tpot_slowest_paired_ratio", on.slowestPerTokenOver(off));
    compare(figures, "goodput_per_s", off.goodput(), on.goodput());
    compare(figures, "serving_share_of_time", off.servingShare(), on.servingShare());
    figures.put("training_tokens_per_s_beside_serving", on.trainedTokensPerSecond());
    figures.put("training_share_of_idle_time", on.trainingShareOfIdle());
  }

  private static void compare(Map<String, Object> figures, String name, double off, double on) {
    figures.put(name + "_off", off);
    figures.put(name + "_on", on);
    figures.put(name + "_ratio", on / off);
  }

  /** A gradient in one go against the same one with steps of serving after each stretch, whose own time doesn't count. */
  private void suspend(Map<String, Object> figures, Engine engine) {
    progress.accept("suspending and resuming");
    int prompt = options.microBatchTokens() / 2 - 16;
    Timed whole = new Timed();
    Timed cut = new Timed();
    for (int round = -2; round < (options.quick() ? 5 : 60); round++) {
      List<TrainingExample> batch = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        Turn turn = submit(engine, prompt, 16, new PendingTurn()).join();
        batch.add(TrainingExample.completion(
            turn.id(), turn.prompt(), turn.completion(), turn.version()));
      }
      boolean cutFirst = round % 2 == 0;
      double first = gradientSeconds(engine, batch, cutFirst);
      double second = gradientSeconds(engine, batch, !cutFirst);
      if (round >= 0) { // before: warming up
        cut.add(cutFirst ? first : second);
        whole.add(cutFirst ? second : first);
      }
    }
    figures.put("gradient_in_one_go_ms", whole.median() * 1e3);
    figures.put("gradient_suspended_ms", cut.median() * 1e3);
    figures.put("suspend_overhead", cut.medianRatioTo(whole) - 1);
  }

  private double gradientSeconds(Engine engine, List<TrainingExample> batch, boolean cut) {
    List<PendingTurn> beside = new ArrayList<>();
    List<CompletableFuture<Turn>> turns = new ArrayList<>();
    if (cut) {
      for (int i = 0; i < 2; i++) {
        PendingTurn pending = new PendingTurn();
        beside.add(pending);
        turns.add(submit(engine, 64, 2 * options.model().layers() + 64, pending));
      }
    }
    for (PendingTurn pending : beside) {
      while (pending.firstTokenNanos() == 0) {
        LockSupport.parkNanos(100_000);
      }
    }
    GradientReport report = engine.accumulate(batch, Reuse.LOGGED).join();
    engine.takeGradient().join();
    turns.forEach(CompletableFuture::join);
    return report.busyNanos() * 1e-9;
  }

  private static void sleepUntil(long nanos) {
    long left = nanos - System.nanoTime();
    while (left > 0) {
      LockSupport.parkNanos(left);
      left = nanos - System.nanoTime();
    }
  }

  /** Prompts are random, so that none finds a prefix of another. */
  private CompletableFuture<Turn> submit(
      Engine engine, int promptTokens, int answerTokens, PendingTurn times) {
    return requests.submit(
        engine, requests.tokens(promptTokens), answerTokens, Recording.KEEP, times);
  }
}
