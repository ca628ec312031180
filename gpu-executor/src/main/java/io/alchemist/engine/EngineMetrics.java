package io.alchemist.engine;

import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.Server.StepReport;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/** What an engine tells about itself. Written by the engine thread, read by any. */
final class EngineMetrics {
  private final Metrics metrics;
  private final Map<Counter, ToLongFunction<EngineStatus>> totals = new LinkedHashMap<>();
  private final Histogram stepSeconds;
  private final Histogram sliceSeconds;
  private final Counter prefillTokens;
  private final Counter decodeTokens;
  private final Counter loopFailures;

  EngineMetrics(Metrics metrics) {
    this.metrics = metrics;
    Buckets seconds = Buckets.exponential(0.0005, 2, 16);
    stepSeconds = metrics.histogram("alchemist_step_seconds", "Time of one serving step.", seconds);
    sliceSeconds = metrics.histogram(
        "alchemist_training_slice_seconds", "Time of one slice of training.", seconds);
    prefillTokens =
        metrics.counter("alchemist_prefill_tokens_total", "Tokens computed in prefill.");
    decodeTokens = metrics.counter("alchemist_decode_tokens_total", "Tokens computed in decode.");
    loopFailures = metrics.counter(
        "alchemist_loop_failures_total", "Turns of the engine's loop that failed as a whole.");
    total("alchemist_prompt_tokens_total", "Tokens of all prompts begun.", s -> s.server()
        .promptTokens());
    total(
        "alchemist_cached_prompt_tokens_total",
        "Prompt tokens whose keys and values were in the prefix tree.",
        s -> s.server().cachedTokens());
    total("alchemist_generated_tokens_total", "Tokens chosen.", s -> s.server().generatedTokens());
    total("alchemist_preemptions_total", "Sequences that gave their memory up.", s -> s.server()
        .preemptions());
    total(
        "alchemist_unrecorded_rows_total",
        "Prefill rows not recorded for want of memory.",
        EngineStatus::refusedRows);
    total("alchemist_trained_examples_total", "Examples trained on.", s -> s.trained()
        .examples());
    total(
        "alchemist_trained_reused_tokens_total",
        "Prompt tokens trained on whose forward pass was reused.",
        s -> s.trained().reusedTokens());
    total(
        "alchemist_trained_recomputed_tokens_total",
        "Prompt tokens trained on that were forwarded again.",
        s -> s.trained().recomputedTokens());
    total(
        "alchemist_trained_predicting_tokens_total",
        "Tokens forwarded in training because they predict.",
        s -> s.trained().predictingTokens());
    total(
        "alchemist_feedback_turns_total",
        "Turns that got feedback; beside alchemist_feedback_expected it tells whether the guesses are right.",
        s -> s.retention().feedback());
    total("alchemist_training_steps_total", "Updates of the weights.", EngineStatus::steps);
  }

  private void total(String name, String help, ToLongFunction<EngineStatus> value) {
    totals.put(metrics.counter(name, help), value);
  }

  /** Brings the counters up to date. */
  void count(EngineStatus now) {
    totals.forEach((counter, value) -> counter.advanceTo(value.applyAsLong(now)));
  }

  /** From now on gauges say how this engine is. */
  void follow(Engine engine) {
    gauge(
        engine,
        "alchemist_live_version",
        "Weight version that new requests get.",
        EngineStatus::liveVersion);
    gauge(engine, "alchemist_requests_waiting", "Requests not begun.", s -> s.server()
        .waiting());
    gauge(engine, "alchemist_requests_running", "Requests being computed.", s -> s.server()
        .running());
    gauge(
        engine,
        "alchemist_kv_tokens",
        "Tokens with keys and values in the prefix tree.",
        s -> s.cache().kvTokens());
    gauge(
        engine,
        "alchemist_arena_bytes",
        "Device memory that keys, values and activations share.",
        EngineStatus::arenaBytes);
    gauge(engine, "alchemist_kv_bytes", "Of it, what keys and values have.", EngineStatus::kvBytes);
    gauge(
        engine,
        "alchemist_activation_bytes",
        "Of it, what recorded activations have.",
        EngineStatus::activationBytes);
    gauge(engine, "alchemist_host_bytes", "Host memory of activations.", EngineStatus::hostBytes);
    gauge(
        engine,
        "alchemist_disk_bytes",
        "Disk behind the host memory of activations.",
        EngineStatus::diskBytes);
    gauge(engine, "alchemist_device_bytes", "Device memory in use.", EngineStatus::deviceBytes);
    gauge(
        engine,
        "alchemist_device_peak_bytes",
        "Most device memory in use so far.",
        EngineStatus::devicePeakBytes);
    gauge(
        engine,
        "alchemist_training_jobs",
        "Training jobs queued or under way.",
        EngineStatus::trainingJobs);
    gauge(
        engine,
        "alchemist_feedback_expected",
        "Turns so far that were expected to get feedback, by which activations are kept.",
        s -> s.retention().expectedFeedback());
    StepTimes.KINDS.forEach(kind -> predictionError(engine, kind));
    gauge(
        engine, "alchemist_training_loss", "Mean loss of the last update.", EngineStatus::meanLoss);
  }

  private void gauge(
      Engine engine, String name, String help, ToDoubleFunction<EngineStatus> value) {
    metrics.gauge(name, help, () -> value.applyAsDouble(engine.lastStatus()));
  }

  private void predictionError(Engine engine, String kind) {
    metrics
        .gauges(
            "alchemist_step_prediction_error",
            "Mean relative error of the predicted time of a step of serving or a slice of training.",
            "kind")
        .labels(kind)
        .follow(() -> engine.lastStatus().times().errors().getOrDefault(kind, Double.NaN));
  }

  void step(StepReport report, long nanos) {
    stepSeconds.observeNanos(nanos);
    prefillTokens.add(report.prefillRows());
    decodeTokens.add(report.decodeRows());
  }

  void slice(long nanos) {
    sliceSeconds.observeNanos(nanos);
  }

  Counter loopFailures() {
    return loopFailures;
  }
}
