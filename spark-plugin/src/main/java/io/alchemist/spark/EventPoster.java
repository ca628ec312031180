package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;

/** Tells the UI and the driver's metrics of rounds, and then another observer. */
final class EventPoster implements RoundObserver {
  private final JobEvents events;
  private final RoundObserver next;
  private final JobMetrics metrics;

  EventPoster(JobEvents events, JobMetrics metrics, RoundObserver next) {
    this.events = events;
    this.metrics = metrics;
    this.next = next;
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
    metrics.round(round);
    next.ended(round, times);
  }

  @Override
  public void audited(Audit audit) {
    events.audited(audit);
    metrics.audited(audit);
    next.audited(audit);
  }
}
