package io.alchemist.bench;

import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineStatus;
import io.alchemist.engine.HostGradient;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.TrainingStep;
import io.alchemist.model.Activations;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.PendingTurn;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.serve.Turn;
import io.alchemist.tensor.MatmulRate;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Measures one engine on random weights of a given shape: matrix products, prefill, decode, the LoRA step recomputed and from
 * handles, what recording costs. Whatever is compared runs alternately in one process.
 */
final class EngineBench {
  private static final int PROMPT = 1024;
  private static final int COMPLETION = 24;
  private static final long MEMORY = 6L << 30;

  private final ModelConfig model;
  private final int threads;
  private final int rounds;
  private final int examples;
  private final LoraSpec lora;
  private final Consumer<String> progress;
  private final Requests requests;

  EngineBench(
      ModelConfig model, LoraSpec lora, int threads, boolean quick, Consumer<String> progress) {
    this.lora = lora;
    this.model = model;
    this.threads = threads;
    this.rounds = quick ? 3 : 9;
    this.examples = quick ? 1 : 2;
    this.progress = progress;
    this.requests = new Requests(model.vocabSize(), 11);
  }

  /** Runs everything; the figures by name. */
  Map<String, Object> run() {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("parameters", model.parameters());
    figures.put("threads", threads);
    try (Engine engine = engine()) {
      figures.put("device", engine.description());
      progress.accept("warming up");
      for (int i = 0; i < 3; i++) {
        ttft(engine, Recording.KEEP);
        ttft(engine, Recording.SKIP);
      }
      prefill(figures, engine);
      decode(figures, engine);
      learning(figures, engine);
    }
    return figures;
  }

  private Engine engine() {
    long activationBytes = Activations.bytesPerRow(model) * model.layers() * PROMPT * 5 / 2;
    return BenchEngine.start(
        model,
        threads,
        MEMORY,
        new CacheConfig(16, 16 * 1024, activationBytes, 0, 0, null),
        new SchedulerConfig(8, 512, 64),
        LatencyTargets.DEFAULT,
        new Trainable.Adapter(lora, 3),
        new TrainerConfig(PROMPT + COMPLETION, 8 << 20, 4),
        1);
  }

  private void prefill(Map<String, Object> figures, Engine engine) {
    progress.accept("prefill and what recording costs");
    Timed on = new Timed();
    Timed off = new Timed();
    Timed rate = new Timed();
    try (Ops ops = CpuOps.create(threads, MEMORY)) {
      for (int i = 0; i < rounds; i++) {
        rate.add(MatmulRate.measure(ops, 1024, 1024, 1024));
        // Who goes first alternates, so that neither always meets a warmer or a busier machine.
        if (i % 2 == 0) {
          on.add(ttft(engine, Recording.KEEP));
          off.add(ttft(engine, Recording.SKIP));
        } else {
          off.add(ttft(engine, Recording.SKIP));
          on.add(ttft(engine, Recording.KEEP));
        }
      }
    }
    double flops = prefillFlops(PROMPT);
    figures.put("matmul_gflops", rate.median());
    figures.put("prefill_length", PROMPT);
    // As requests are served by default: recorded.
    figures.put("prefill_tokens_per_s", PROMPT / on.median());
    figures.put("prefill_gflops", flops / on.median() * 1e-9);
    figures.put("prefill_share_of_matmul_rate", flops / on.median() * 1e-9 / rate.median());
    figures.put("ttft_recording_off_ms", off.median() * 1e3);
    figures.put("ttft_recording_on_ms", on.median() * 1e3);
    figures.put("ttft_recording_overhead", on.medianRatioTo(off) - 1);
  }

  /** Multiplications and additions: linear layers with their adapters, attention (causal), the output of one row. */
  private double prefillFlops(int tokens) {
    double perToken = 0;
    for (LinearLayer linear : LinearLayer.values()) {
      double in = linear.inputs(model);
      double out = linear.outputs(model);
      perToken += 2 * (in * out + (lora.targets().contains(linear) ? lora.rank() * (in + out) : 0));
    }
    double attention = 4.0 * model.queryDim() * tokens * (tokens + 1) / 2;
    return model.layers() * (perToken * tokens + attention)
        + 2.0 * model.hiddenSize() * model.vocabSize();
  }

  private void decode(Map<String, Object> figures, Engine engine) {
    progress.accept("decode");
    int tokens = rounds * 8;
    for (int together : new int[] {1, 8}) {
      Timed perToken = new Timed();
      for (int i = 0; i < 3; i++) {
        List<CompletableFuture<Turn>> turns = new ArrayList<>();
        List<PendingTurn> times = new ArrayList<>();
        for (int s = 0; s < together; s++) {
          PendingTurn listener = new PendingTurn();
          times.add(listener);
          turns.add(requests.submit(engine, requests.tokens(32), tokens, Recording.SKIP, listener));
        }
        turns.forEach(CompletableFuture::join);
        double first =
            times.stream().mapToLong(PendingTurn::firstTokenNanos).max().orElse(0);
        double last =
            times.stream().mapToLong(PendingTurn::lastTokenNanos).max().orElse(0);
        perToken.add((last - first) * 1e-9 / ((tokens - 1.0) * together));
      }
      figures.put(
          together == 1 ? "decode_tokens_per_s" : "decode_tokens_per_s_batch_" + together,
          1 / perToken.median());
    }
  }

  private void learning(Map<String, Object> figures, Engine engine) {
    progress.accept("LoRA step, recomputed and from handles");
    Timed recomputed = new Timed();
    Timed reused = new Timed();
    Timed forward = new Timed();
    Timed backward = new Timed();
    Timed update = new Timed();
    double error = 0;
    double share = 0;
    long peakRecomputed = 0;
    long peakReused = 0;
    long peakDevice = 0;
    Timed handleForward = new Timed();
    Timed handleBackward = new Timed();
    for (int round = -1; round < rounds; round++) {
      // Of no use any more, and there would be no room for what comes.
      Engine.await(engine.clearCache());
      List<TrainingExample> batch = new ArrayList<>();
      for (int i = 0; i < examples; i++) {
        int[] prompt = requests.tokens(PROMPT);
        Turn turn = requests
            .submit(engine, prompt, 1, Recording.KEEP, new PendingTurn())
            .join();
        batch.add(TrainingExample.completion(
            turn.id(), prompt, requests.tokens(COMPLETION), turn.version()));
      }
      HostGradient anew = gradient(engine, batch, Reuse.NONE);
      EngineStatus recomputing = engine.status().join();
      peakRecomputed = Math.max(peakRecomputed, recomputing.trainerPeakBytes());
      HostGradient logged = gradient(engine, batch, Reuse.LOGGED);
      EngineStatus reusing = engine.status().join();
      peakReused = Math.max(peakReused, reusing.trainerPeakBytes());
      peakDevice = Math.max(peakDevice, recomputing.devicePeakBytes());
      peakDevice = Math.max(peakDevice, reusing.devicePeakBytes());
      if (round < 0) {
        continue; // warming up
      }
      GradientReport slow = anew.report();
      GradientReport fast = logged.report();
      recomputed.add(slow.busyNanos() * 1e-9);
      forward.add(slow.forwardNanos() * 1e-9);
      backward.add(slow.backwardNanos() * 1e-9);
      reused.add(fast.busyNanos() * 1e-9);
      handleForward.add(fast.forwardNanos() * 1e-9);
      handleBackward.add(fast.backwardNanos() * 1e-9);
      share = fast.reusedShare();
      error = Math.max(error, logged.relativeError(anew));
      GradientReport unused = Engine.await(engine.accumulate(batch, Reuse.LOGGED));
      long start = System.nanoTime();
      TrainingStep step = Engine.await(engine.step());
      update.add((System.nanoTime() - start) * 1e-9);
      if (step.version() == 0) {
        throw new IllegalStateException("The step published nothing");
      }
    }
    double tokens = examples * (PROMPT + COMPLETION - 1.0);
    figures.put("lora_prompt_tokens", PROMPT);
    figures.put("lora_completion_tokens", COMPLETION);
    figures.put("lora_rank", lora.rank());
    figures.put(
        "lora_targets",
        lora.targets().stream().map(LinearLayer::shortName).collect(Collectors.joining(",")));
    figures.put(
        "lora_step_tokens_per_s_recompute", tokens / (recomputed.median() + update.median()));
    figures.put("lora_step_tokens_per_s_handle", tokens / (reused.median() + update.median()));
    figures.put("lora_gradient_speedup", recomputed.medianRatioTo(reused));
    figures.put("lora_update_and_publish_s", update.median());
    figures.put("lora_forward_s", forward.median());
    figures.put("lora_backward_s", backward.median());
    figures.put("lora_handle_forward_s", handleForward.median());
    figures.put("lora_handle_backward_s", handleBackward.median());
    figures.put("lora_speedup_bound", (forward.median() + backward.median()) / backward.median());
    figures.put("reused_share", share);
    figures.put("gradient_relative_error", error);
    figures.put("peak_trainer_bytes_recompute", peakRecomputed);
    figures.put("peak_trainer_bytes_handle", peakReused);
    figures.put("peak_device_bytes", peakDevice);
  }

  private static HostGradient gradient(Engine engine, List<TrainingExample> batch, Reuse reuse) {
    Engine.await(engine.resetPeaks());
    GradientReport unused = Engine.await(engine.accumulate(batch, reuse));
    return Engine.await(engine.takeGradient());
  }

  /** Seconds to the first token of a new prompt. */
  private double ttft(Engine engine, Recording recording) {
    int[] prompt = requests.tokens(PROMPT);
    long start = System.nanoTime();
    PendingTurn times = new PendingTurn();
    requests.submit(engine, prompt, 1, recording, times).join();
    return (times.firstTokenNanos() - start) * 1e-9;
  }
}
