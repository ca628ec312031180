package io.alchemist.spark.rounds;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.VersionRecord;

/** Told how far a round is. Called by the thread of the rounds, which waits for it. */
public interface RoundObserver {
  /** Steps of a round, in their order; a process may die between any two. */
  enum Step {
    /** A micro-batch has come. */
    BEGUN,
    /** Its rows are judged and joined with their turns. */
    SORTED,
    /** The candidate is trained. */
    TRAINED,
    /** The gate has judged it. */
    JUDGED,
    /** Its adapter is in the warehouse. */
    WRITTEN,
    /** The round is in its table: it is decided. */
    DECIDED,
    /** Feedback that is not used is in quarantine. */
    QUARANTINED,
    /** The version is in its table. */
    RECORDED,
    /** The version is on its way to the executors. */
    PUBLISHED
  }

  /** A step has been made. */
  void reached(Step step, String queryId, long batchId);

  /** What is known of a version has changed. */
  default void version(VersionRecord version) {}

  /** A round has ended; also called for one that is made true again after a crash. */
  default void ended(RoundRecord round, RoundTimes times) {}

  /** A round's gradient has been fully recomputed. */
  default void audited(Audit audit) {}
}
