package io.alchemist.spark;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A line in the log for each round, of a job that nobody else observes. */
final class LoggedRounds implements RoundObserver {
  private static final Logger LOG = LoggerFactory.getLogger(LoggedRounds.class);

  @Override
  public void reached(Step step, String queryId, long batchId) {}

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
  }
}
