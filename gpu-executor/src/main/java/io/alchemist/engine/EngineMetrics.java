package io.alchemist.engine;

import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import io.alchemist.serve.Server.StepReport;

/** What the engine counts. */
final class EngineMetrics {
  private final Histogram stepSeconds;
  private final Histogram sliceSeconds;
  private final Counter prefillTokens;
  private final Counter decodeTokens;
  private final Counter loopFailures;

  EngineMetrics(Metrics metrics) {
    stepSeconds = metrics.histogram(
        "alchemist_step_seconds", "Time of one serving step.", Buckets.exponential(0.0005, 2, 16));
    sliceSeconds = metrics.histogram(
        "alchemist_training_slice_seconds",
        "Time of one slice of training.",
        Buckets.exponential(0.0005, 2, 16));
    prefillTokens =
        metrics.counter("alchemist_prefill_tokens_total", "Tokens computed in prefill.");
    decodeTokens = metrics.counter("alchemist_decode_tokens_total", "Tokens computed in decode.");
    loopFailures = metrics.counter(
        "alchemist_loop_failures_total", "Turns of the engine's loop that failed as a whole.");
  }

  void step(StepReport report, long nanos) {
    stepSeconds.observe(nanos * 1e-9);
    prefillTokens.add(report.prefillRows());
    decodeTokens.add(report.decodeRows());
  }

  void slice(long nanos) {
    sliceSeconds.observe(nanos * 1e-9);
  }

  Counter loopFailures() {
    return loopFailures;
  }
}
