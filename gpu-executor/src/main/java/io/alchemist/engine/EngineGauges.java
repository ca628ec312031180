package io.alchemist.engine;

import io.alchemist.metrics.Metrics;
import java.util.function.ToDoubleFunction;

/** What can be read of an engine at any time. */
final class EngineGauges {
  private final Metrics metrics;
  private final Engine engine;

  private EngineGauges(Metrics metrics, Engine engine) {
    this.metrics = metrics;
    this.engine = engine;
  }

  static void register(Metrics metrics, Engine engine) {
    EngineGauges gauges = new EngineGauges(metrics, engine);
    gauges.add(
        "alchemist_live_version",
        "Weight version that new requests get.",
        EngineStatus::liveVersion);
    gauges.add(
        "alchemist_requests_waiting", "Requests not begun.", s -> s.server().waiting());
    gauges.add("alchemist_requests_running", "Requests being computed.", s -> s.server()
        .running());
    gauges.add("alchemist_prompt_tokens", "Tokens of all prompts begun.", s -> s.server()
        .promptTokens());
    gauges.add(
        "alchemist_cached_prompt_tokens",
        "Prompt tokens whose keys and values were in the prefix tree.",
        s -> s.server().cachedTokens());
    gauges.add("alchemist_generated_tokens", "Tokens chosen.", s -> s.server().generatedTokens());
    gauges.add("alchemist_preemptions", "Sequences that gave their memory up.", s -> s.server()
        .preemptions());
    gauges.add(
        "alchemist_activation_bytes",
        "Device memory of recorded activations.",
        EngineStatus::activationBytes);
    gauges.add(
        "alchemist_unrecorded_rows",
        "Prefill rows not recorded for want of memory.",
        EngineStatus::refusedRows);
    gauges.add("alchemist_host_bytes", "Host memory of activations.", EngineStatus::hostBytes);
    gauges.add(
        "alchemist_disk_bytes",
        "Disk behind the host memory of activations.",
        EngineStatus::diskBytes);
    gauges.add("alchemist_device_bytes", "Device memory in use.", EngineStatus::deviceBytes);
    gauges.add(
        "alchemist_device_peak_bytes",
        "Most device memory in use so far.",
        EngineStatus::devicePeakBytes);
    gauges.add(
        "alchemist_training_jobs",
        "Training jobs queued or under way.",
        EngineStatus::trainingJobs);
    gauges.add(
        "alchemist_kv_tokens", "Tokens with keys and values in the prefix tree.", s -> s.cache()
            .kvTokens());
  }

  private void add(String name, String help, ToDoubleFunction<EngineStatus> value) {
    metrics.gauge(name, help, () -> value.applyAsDouble(engine.lastStatus()));
  }
}
