package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Family;
import io.alchemist.metrics.Gauge;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.rounds.Audit;
import java.util.Locale;

/** What the driver counts of the job; the router on it serves them. Called by the thread of the rounds. */
final class JobMetrics {
  private final Family<Counter> rounds;
  private final Family<Counter> feedback;
  private final Histogram seconds;
  private final Gauge waiting;
  private final Gauge lastRound;
  private final Gauge version;
  private final Gauge gradientError;
  private final Gauge gradientCosine;
  /** The last round that was; one that is made true again after a failure comes twice. */
  private long counted;

  JobMetrics(Metrics metrics, Fleet fleet) {
    rounds = metrics.counters(
        "alchemist_rounds_total", "Rounds decided, by the gate's verdict.", "gate");
    feedback = metrics.counters(
        "alchemist_round_feedback_total",
        "Feedback decided in rounds: trained, counted, held_out or quarantined.",
        "outcome");
    seconds = metrics.histogram(
        "alchemist_round_seconds",
        "Seconds from the beginning of a round to its decision.",
        Buckets.SECONDS);
    waiting = metrics
        .gauges("alchemist_waiting_feedback", "Feedback whose turn is not known yet.")
        .labels();
    lastRound = metrics
        .gauges(
            "alchemist_last_round_timestamp_seconds",
            "When the last round was decided, in seconds since 1970; 0 before the first.")
        .labels();
    version = metrics
        .gauges(
            "alchemist_published_version",
            "Version that the last successful round made live; 0 before the first.")
        .labels();
    gradientError = metrics
        .gauges(
            "alchemist_reuse_gradient_relative_error",
            "Relative difference of the last audited round's gradient from logged activations to the recomputed one.")
        .labels();
    gradientCosine = metrics
        .gauges(
            "alchemist_reuse_gradient_cosine",
            "Cosine of the angle between the last audited round's gradient and the recomputed one.")
        .labels();
    waiting.set(0);
    lastRound.set(0);
    version.set(0);
    metrics.gauge("alchemist_executors_ready", "Executors that serve.", () -> fleet
        .ready()
        .size());
  }

  void round(RoundRecord round) {
    if (round.round() > counted) {
      counted = round.round();
      count(round);
    }
    waiting.set(round.waiting().size());
    lastRound.set(round.finishedAt().toEpochMilli() * 1e-3);
    Long live = round.toVersion();
    if (live != null) {
      version.set(live);
    }
  }

  private void count(RoundRecord round) {
    rounds.labels(round.gate().name().toLowerCase(Locale.ROOT)).increment();
    feedback.labels("trained").add(round.trained().size());
    feedback.labels("counted").add(round.counted().size());
    feedback.labels("held_out").add(round.heldOut().size());
    feedback.labels("quarantined").add(round.quarantined().size());
    seconds.observe(round.seconds());
  }

  void audited(Audit audit) {
    gradientError.set(audit.relativeError());
    gradientCosine.set(audit.cosine());
  }
}
