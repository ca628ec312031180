package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the UI of rounds, and then another observer. */
final class EventPoster implements RoundObserver {
  private static final Logger LOG = LoggerFactory.getLogger(EventPoster.class);

  private final JobEvents events;
  private final RoundObserver next;

  EventPoster(JobEvents events, RoundObserver next) {
    this.events = events;
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
    LOG.info(
        "Round {}: {} rows, {} examples, {} in quarantine, {} waiting; version {} to {}; loss {}; {} prompt tokens reused,"
            + " {} recomputed; gate {}; {} s",
        round.round(),
        round.received(),
        round.examples(),
        round.quarantined().size(),
        round.waiting().size(),
        round.fromVersion(),
        round.toVersion(),
        round.loss(),
        round.reusedTokens(),
        round.recomputedTokens(),
        round.gate(),
        round.seconds());
    events.round(round, times);
    next.ended(round, times);
  }

  @Override
  public void audited(Audit audit) {
    LOG.info(
        "Round {} audited: {} of {} tokens reused, {} s instead of {} s, relative error {}",
        audit.round(),
        audit.reusedTokens(),
        audit.tokens(),
        audit.reuseSeconds(),
        audit.recomputeSeconds(),
        audit.relativeError());
    next.audited(audit);
  }
}
