package io.alchemist.bench;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineStatus;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.model.Activations;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Measures what it costs a burst of prompts that the arena is full of activations: times to the first token against an arena that
 * is empty, once where activations have host copies that can be dropped, once where none has one. Full and empty alternate on
 * one engine, which is emptied by publishing a new version while none is kept.
 */
final class HedgeBench {
  private static final int PROMPTS = 8;
  private static final int PROMPT_TOKENS = 128;
  /** Half of what a burst needs, so that the rest is taken from activations. */
  private static final int FLOOR_TOKENS = PROMPTS * PROMPT_TOKENS / 2;
  /** Rows whose activations fill the shared memory. */
  private static final int SHARED_ROWS = 2560;

  private static final long MEMORY = 3L << 30;

  private final ModelConfig model;
  private final LoraSpec lora;
  private final int threads;
  private final int rounds;
  private final Consumer<String> progress;
  private final Requests requests;

  HedgeBench(
      ModelConfig model, LoraSpec lora, int threads, boolean quick, Consumer<String> progress) {
    this.model = model;
    this.lora = lora;
    this.threads = threads;
    this.rounds = quick ? 4 : 60;
    this.progress = progress;
    this.requests = new Requests(model.vocabSize(), 13);
  }

  /** Runs everything; the figures by name. */
  Map<String, Object> run() {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("parameters", model.parameters());
    figures.put("threads", threads);
    figures.put("burst_prompts", PROMPTS);
    figures.put("burst_prompt_tokens", PROMPT_TOKENS);
    figures.put("bursts", rounds);
    compare(figures, "copied", 2L << 30);
    compare(figures, "uncopied", 0);
    return figures;
  }

  private void compare(Map<String, Object> figures, String name, long hostBytes) {
    progress.accept("activations in the arena " + name + ": warming up");
    Timed empty = new Timed();
    Timed full = new Timed();
    Timed lastEmpty = new Timed();
    Timed lastFull = new Timed();
    try (Engine engine = engine(hostBytes)) {
      for (int round = -2; round < rounds; round++) {
        if (round == 0) {
          progress.accept("activations in the arena " + name);
        }
        // Who goes first alternates, so that neither always meets a warmer or a busier machine.
        for (boolean isFull : round % 2 == 0 ? List.of(false, true) : List.of(true, false)) {
          List<Double> times = burst(engine, isFull);
          if (round >= 0) {
            times.forEach((isFull ? full : empty)::add);
            (isFull ? lastFull : lastEmpty).add(Collections.max(times));
          }
        }
      }
      EngineStatus status = Engine.await(engine.status());
      figures.put("arena_bytes", status.arenaBytes());
      figures.put(name + "_preemptions", status.server().preemptions());
      figures.put(name + "_given_up", status.cache().evictedActivations());
    }
    figures.put(name + "_ttft_empty_p50_ms", empty.percentile(0.5) * 1e3);
    figures.put(name + "_ttft_full_p50_ms", full.percentile(0.5) * 1e3);
    figures.put(name + "_ttft_empty_p99_ms", empty.percentile(0.99) * 1e3);
    figures.put(name + "_ttft_full_p99_ms", full.percentile(0.99) * 1e3);
    figures.put(name + "_ttft_p50_ratio", full.percentile(0.5) / empty.percentile(0.5));
    figures.put(name + "_ttft_p99_ratio", full.percentile(0.99) / empty.percentile(0.99));
    figures.put(
        name + "_ttft_slowest_ratio",
        full.meanOfLargest(Timed.TAIL) / empty.meanOfLargest(Timed.TAIL));
    figures.put(name + "_ttft_paired_ratio", full.medianRatioTo(empty));
    // Of a burst, the last to get a token: its tail, pair by pair, whatever else the machine does.
    figures.put(name + "_ttft_last_paired_ratio", lastFull.medianRatioTo(lastEmpty));
  }

  private Engine engine(long hostBytes) {
    long sharedBytes = Activations.bytesPerRow(model) * model.layers() * SHARED_ROWS;
    return BenchEngine.start(
        model,
        threads,
        MEMORY,
        new CacheConfig(16, FLOOR_TOKENS, sharedBytes, hostBytes, 0, null),
        new SchedulerConfig(PROMPTS, 512, 64),
        LatencyTargets.DEFAULT,
        new Trainable.Adapter(lora, 3),
        new TrainerConfig(PROMPT_TOKENS, 1 << 20, 4),
        0);
  }

  /**
   * Fills the arena, empties it again unless it is to be full, and times the first tokens of prompts that come together, in
   * seconds. So the same work comes before both.
   */
  private List<Double> burst(Engine engine, boolean full) {
    empty(engine);
    fill(engine);
    if (!full) {
      empty(engine);
    }
    List<PendingTurn> pending = new ArrayList<>();
    List<CompletableFuture<Turn>> turns = new ArrayList<>();
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < PROMPTS; i++) {
      prompts.add(requests.tokens(PROMPT_TOKENS));
    }
    long start = System.nanoTime();
    for (int[] prompt : prompts) {
      PendingTurn one = new PendingTurn();
      pending.add(one);
      turns.add(submit(engine, prompt, one));
    }
    turns.forEach(CompletableFuture::join);
    return pending.stream().map(one -> (one.firstTokenNanos() - start) * 1e-9).toList();
  }

  private static void empty(Engine engine) {
    long version = Engine.await(engine.publish(Engine.await(engine.adapter())));
    EngineStatus status = settled(engine);
    if (status.kvBytes() + status.activationBytes() > 0) {
      throw new IllegalStateException("Version " + version + " was published, none is kept, and the"
          + " arena still holds " + status.activationBytes() + " bytes of activations");
    }
  }

  /** Serves until the first activations had to go for others. */
  private void fill(Engine engine) {
    EngineStatus status = settled(engine);
    long evicted = status.cache().evictedActivations();
    while (status.cache().evictedActivations() == evicted) {
      Turn unused =
          submit(engine, requests.tokens(PROMPT_TOKENS), new PendingTurn()).join();
      status = settled(engine);
    }
  }

  /** When no copy is under way any more. */
  private static EngineStatus settled(Engine engine) {
    EngineStatus status = Engine.await(engine.status());
    while (status.mover().queued() > 0) {
      LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
      status = Engine.await(engine.status());
    }
    return status;
  }

  private CompletableFuture<Turn> submit(Engine engine, int[] prompt, PendingTurn times) {
    return requests.submit(engine, prompt, 1, Recording.KEEP, times);
  }
}
