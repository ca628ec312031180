package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.metrics.Gauge;
import io.alchemist.metrics.Metrics;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;

/** Tells the UI and the driver's metrics of rounds, and then another observer. */
final class EventPoster implements RoundObserver {
  private final JobEvents events;
  private final RoundObserver next;
  private final Gauge gradientError;
  private final Gauge gradientCosine;

  EventPoster(JobEvents events, Metrics metrics, RoundObserver next) {
    this.events = events;
    this.next = next;
    this.gradientError = metrics
        .gauges(
            "alchemist_reuse_gradient_relative_error",
            "Relative difference of the last audited round's gradient from logged activations to the recomputed one.")
        .labels();
    this.gradientCosine = metrics
        .gauges(
            "alchemist_reuse_gradient_cosine",
            "Cosine of the angle between the last audited round's gradient and the recomputed one.")
        .labels();
  }

  @Override
  public void reached(Step step, String queryId, long batchId) {
    next.reached(step, queryId, batchId);
  }

  @Override
  public void version(VersionRecord version) {
    events.version(version);
    next.version(version);
  }

  @Override
  public void ended(RoundRecord round, RoundTimes times) {
    events.round(round, times);
    next.ended(round, times);
  }

  @Override
  public void audited(Audit audit) {
    events.audited(audit);
    gradientError.set(audit.relativeError());
    gradientCosine.set(audit.cosine());
    next.audited(audit);
  }
}
