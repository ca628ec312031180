package io.alchemist.bench;

import io.alchemist.bench.ReuseGrid.Memory;
import io.alchemist.bench.ReuseGrid.Mode;
import io.alchemist.bench.ReuseGrid.Point;
import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.HostGradient;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.model.Activations;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Measures training from what serving logged against a trainer that recomputes, without and with layer checkpointing: the same
 * engine, kernels and examples, alternating within one process.
 */
final class ReuseBench {
  private static final int PAGE = 16;
  private static final int STEP_TOKENS = 512;
  private static final long OFFLOAD_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final int LENGTH_STEP = 256;
  private static final int BUDGET_TOKENS = 1024;

  private final ModelConfig model;
  private final LoraSpec lora;
  private final int threads;
  private final int rounds;
  private final int ttftPairs;
  private final long deviceBytes;
  private final Path disk;
  private final Consumer<String> out;
  private final Consumer<Map<String, Object>> sofar;
  private final List<ReusePoint> results = new ArrayList<>();
  private final Requests requests;

  /**
   * A bench of one shape of model.
   *
   * @param disk a directory for what host memory has no room for; made where it is needed
   * @param out is given each line of results
   * @param sofar is given all figures so far, time and again: the grid takes an hour, and a point may need more memory than there is
   */
  ReuseBench(
      Shapes shape,
      LoraSpec lora,
      int threads,
      int rounds,
      boolean quick,
      Path disk,
      Consumer<String> out,
      Consumer<Map<String, Object>> sofar) {
    this.model = shape.config();
    this.lora = lora;
    this.threads = threads;
    this.rounds = rounds;
    this.ttftPairs = quick ? 10 : 300;
    // A bound for the memory plan; memory is taken as it is used.
    this.deviceBytes = 24L << 30;
    this.disk = disk;
    this.out = out;
    this.sofar = sofar;
    this.requests = new Requests(model.vocabSize(), 5);
  }

  /**
   * Measures these points.
   *
   * @param pointsOnly leaves out what belongs to none of them: the longest example, and what recording costs
   */
  void run(List<Point> points, boolean pointsOnly) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("parameters", model.parameters());
    figures.put("layers", model.layers());
    figures.put("hidden", model.hiddenSize());
    figures.put("lora_rank", lora.rank());
    figures.put("lora_targets", lora.targets().toString());
    figures.put("threads", threads);
    figures.put("rounds", rounds);
    // Before anything is measured in vain: perhaps they can't be written.
    sofar.accept(figures);
    out.accept(ReusePoint.header());
    List<Point> left = new ArrayList<>(points);
    while (!left.isEmpty()) {
      // Points of one engine: sizes of buffers follow the batch, as those of a trainer of its own
      // would.
      Point first = left.get(0);
      boolean onDisk = first.memory() == Memory.DISK;
      Predicate<Point> alike = p -> p.mode() == first.mode()
          && p.lengths() == first.lengths()
          && p.shared() == first.shared()
          && (p.memory() == Memory.DISK) == onDisk;
      try (Engine engine = engine(first.mode(), first.examples(), first.tokens(), onDisk)) {
        figures.putIfAbsent("device", engine.description());
        warmUp(engine, first);
        for (Point point : left.stream().filter(alike).toList()) {
          ReusePoint result = measure(engine, point);
          results.add(result);
          out.accept(result.line());
          figures.put("points", results.stream().map(ReusePoint::figures).toList());
          sofar.accept(figures);
        }
      }
      left.removeIf(alike);
    }
    if (!pointsOnly) {
      longest(figures);
      recordingCost(figures);
      sofar.accept(figures);
    }
  }

  /** What {@link #run} measured, point by point. */
  List<ReusePoint> results() {
    return results;
  }

  private Engine engine(Mode mode, int examples, int tokens, boolean onDisk) {
    Trainable trainable =
        mode == Mode.LORA ? new Trainable.Adapter(lora, 3) : new Trainable.WholeModel();
    int rows = examples * (tokens + PAGE);
    long activations = Activations.bytesPerRow(model) * model.layers() * rows * 5 / 4;
    CacheConfig cache = new CacheConfig(
        PAGE,
        (2 * rows + STEP_TOKENS) / PAGE * PAGE,
        activations,
        onDisk ? activations / model.layers() : 2 * activations,
        onDisk ? 2 * activations : 0,
        onDisk ? disk : null);
    return BenchEngine.start(
        model,
        threads,
        deviceBytes,
        cache,
        new SchedulerConfig(8, STEP_TOKENS, 64),
        LatencyTargets.DEFAULT,
        trainable,
        new TrainerConfig(rows, 8 << 20, 4),
        0);
  }

  private void warmUp(Engine engine, Point point) {
    Engine.await(engine.calibrate());
    List<TrainingExample> batch = serve(engine, point);
    for (Reuse reuse : Reuse.values()) {
      HostGradient unused = Engine.await(engine.gradient(batch, reuse));
    }
  }

  private ReusePoint measure(Engine engine, Point point) {
    ReusePoint result = new ReusePoint(model, point);
    Engine.await(engine.clearCache());
    List<TrainingExample> batch = serve(engine, point);
    arrange(engine, point.memory());
    for (int round = 0; round < rounds; round++) {
      Map<Reuse, HostGradient> gradients = new EnumMap<>(Reuse.class);
      List<Reuse> ways = List.of(Reuse.values());
      // Who comes first alternates, so that none always meets a warmer or a busier machine.
      for (int i = 0; i < ways.size(); i++) {
        Reuse reuse = ways.get((i + round) % ways.size());
        Engine.await(engine.resetPeaks());
        long start = System.nanoTime();
        GradientReport report = Engine.await(engine.accumulate(batch, reuse));
        // Waiting for the host included, which is no slice's time.
        double seconds = (System.nanoTime() - start) * 1e-9;
        long peak = Engine.await(engine.status()).trainerPeakBytes();
        switch (reuse) {
          case NONE -> result.recomputed(report, seconds, peak);
          case CHECKPOINTED -> result.checkpointed(seconds, peak);
          case LOGGED -> result.reused(report, seconds, peak);
        }
        gradients.put(reuse, Engine.await(engine.takeGradient()));
      }
      HostGradient logged = gradients.get(Reuse.LOGGED);
      HostGradient anew = gradients.get(Reuse.NONE);
      if (round == 0 && logged != null && anew != null) {
        result.gradientError(logged.relativeError(anew));
      }
    }
    return result;
  }

  /** Serves the prompts of a batch, so that they are logged, and makes examples with made-up answers of them. */
  private List<TrainingExample> serve(Engine engine, Point point) {
    int[] shared = requests.tokens(point.shared() ? Point.SHARED_TOKENS : 0);
    List<TrainingExample> batch = new ArrayList<>();
    for (int i = 0; i < point.examples(); i++) {
      int[] prompt = Arrays.copyOf(shared, point.prompt());
      int[] own = requests.tokens(Math.max(0, point.prompt() - shared.length));
      System.arraycopy(own, 0, prompt, point.prompt() - own.length, own.length);
      Turn turn = answer(engine, prompt, Recording.KEEP, new PendingTurn());
      // The last token is only predicted.
      int[] completion = requests.tokens(point.tokens() + 1 - point.prompt());
      batch.add(TrainingExample.completion(turn.id(), prompt, completion, turn.version()));
    }
    return batch;
  }

  private static void arrange(Engine engine, Memory memory) {
    if (memory == Memory.DEVICE) {
      return;
    }
    long all = Engine.await(engine.status()).cache().deviceActivationBytes();
    long keep = (long) (memory.onDevice() * all);
    long start = System.nanoTime();
    while (Engine.await(engine.offload(keep)) > keep) {
      if (System.nanoTime() - start > OFFLOAD_LIMIT_NANOS) {
        throw new IllegalStateException("Activations did not leave the device within a minute");
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2)); // the copies run on other threads
    }
  }

  /** The longest example that fits the memory which a recomputing trainer takes for one of {@value #BUDGET_TOKENS} tokens. */
  private void longest(Map<String, Object> figures) {
    long budget = peak(BUDGET_TOKENS, Reuse.NONE);
    int checkpointed = longest(budget, Reuse.CHECKPOINTED);
    int reused = longest(budget, Reuse.LOGGED);
    figures.put("max_tokens_budget_bytes", budget);
    figures.put("max_tokens_recompute", BUDGET_TOKENS);
    figures.put("max_tokens_checkpoint", checkpointed);
    figures.put("max_tokens_reuse", reused);
    out.accept("longest example within " + budget / 1_000_000 + " MB of trainer's memory: "
        + BUDGET_TOKENS + " tokens recomputed, " + checkpointed + " with layer checkpointing, "
        + reused + " from what was logged");
  }

  /** By what a row takes in a short and a longer example, then tried. */
  private int longest(long budget, Reuse reuse) {
    long small = peak(BUDGET_TOKENS, reuse);
    long perRow = (peak(2 * BUDGET_TOKENS, reuse) - small) / BUDGET_TOKENS;
    long guess = BUDGET_TOKENS + (budget - small) / perRow;
    int tokens =
        (int) Math.min(guess, model.maxPositions() - LENGTH_STEP) / LENGTH_STEP * LENGTH_STEP;
    while (tokens > BUDGET_TOKENS && peak(tokens, reuse) > budget) {
      tokens -= LENGTH_STEP;
    }
    return tokens;
  }

  private long peak(int tokens, Reuse reuse) {
    try (Engine engine = engine(Mode.LORA, 1, tokens, false)) {
      int[] prompt = requests.tokens(tokens);
      Turn turn = answer(engine, prompt, Recording.KEEP, new PendingTurn());
      TrainingExample example =
          TrainingExample.completion(turn.id(), prompt, requests.tokens(1), turn.version());
      arrange(engine, Memory.HOST);
      Engine.await(engine.resetPeaks());
      HostGradient unused = Engine.await(engine.gradient(List.of(example), reuse));
      return Engine.await(engine.status()).trainerPeakBytes();
    }
  }

  private void recordingCost(Map<String, Object> figures) {
    Timed on = new Timed();
    Timed off = new Timed();
    try (Engine engine = engine(Mode.LORA, 2, STEP_TOKENS, false)) {
      for (int i = -4; i < ttftPairs; i++) {
        boolean onFirst = i % 2 == 0;
        double first = firstToken(engine, onFirst ? Recording.KEEP : Recording.SKIP);
        double second = firstToken(engine, onFirst ? Recording.SKIP : Recording.KEEP);
        if (i >= 0) {
          on.add(onFirst ? first : second);
          off.add(onFirst ? second : first);
        }
      }
    }
    figures.put("ttft_recording_off_ms_p50", off.median() * 1e3);
    figures.put("ttft_recording_on_ms_p50", on.median() * 1e3);
    figures.put("ttft_recording_ratio_p50", on.median() / off.median());
    figures.put("ttft_recording_ratio_p99", on.percentile(0.99) / off.percentile(0.99));
    out.accept(String.format(
        Locale.ROOT,
        "time to first token, recording on / off: %.3f in the median, %.3f at 99 %%",
        on.median() / off.median(),
        on.percentile(0.99) / off.percentile(0.99)));
  }

  private double firstToken(Engine engine, Recording recording) {
    int[] prompt = requests.tokens(STEP_TOKENS);
    PendingTurn times = new PendingTurn();
    long start = System.nanoTime();
    Turn unused = answer(engine, prompt, recording, times);
    return (times.firstTokenNanos() - start) * 1e-9;
  }

  private Turn answer(Engine engine, int[] prompt, Recording recording, PendingTurn times) {
    return Engine.await(requests.submit(engine, prompt, 1, recording, times));
  }
}
