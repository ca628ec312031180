package io.alchemist.feedback;

import io.alchemist.feedback.FeedbackRules.Fault;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides what becomes of each row of a batch, once all that is needed from tables is at hand. The order of the rules is
 * the order of {@link #sort}. Used once, by one thread.
 */
final class BatchSorter {
  /** Which query has dealt with an id before. */
  enum DoneBy {
    THIS_QUERY,
    ANOTHER_QUERY
  }

  private final FeedbackRules rules;
  private final Map<String, DoneBy> done;
  private final Set<String> turns;
  private final Instant now;

  private final Set<String> seen = new HashSet<>();
  private long skipped;
  private final List<JudgedRow> trainable = new ArrayList<>();
  private final List<String> counted = new ArrayList<>();
  private final List<Quarantined> quarantined = new ArrayList<>();
  private final List<Waiting> waiting = new ArrayList<>();

  /**
   * Sorts nothing yet.
   *
   * @param done ids that earlier rounds have dealt with; those that still wait are not among them
   * @param turns ids of the rows' turns that are known
   */
  BatchSorter(FeedbackRules rules, Map<String, DoneBy> done, Set<String> turns, Instant now) {
    this.rules = rules;
    this.done = done;
    this.turns = turns;
    this.now = now;
  }

  /** Decides on all rows of the batch, and on those that wait. */
  void sort(List<JudgedRow> rows) {
    rows.stream().sorted(JudgedRow.ORDER).forEach(this::sort);
  }

  private void sort(JudgedRow row) {
    String id = row.id();
    Fault fault = row.fault();
    if (id != null && done.get(id) == DoneBy.ANOTHER_QUERY) {
      // The table is read anew, from its start; what has been dealt with is no mistake of the one
      // who wrote it.
      skipped++;
    } else if (id != null && done.get(id) == DoneBy.THIS_QUERY) {
      quarantine(id, Reason.DUPLICATE_ID, "An earlier batch had feedback with this id.");
    } else if (id != null && !seen.add(id)) {
      quarantine(
          id,
          Reason.DUPLICATE_ID,
          "Another row with this id came before, in this batch or waiting.");
    } else if (id == null || fault != null) {
      quarantine(id, fault);
    } else if (row.turnId() == null || !turns.contains(row.turnId())) {
      await(row, id);
    } else if (row.trains()) {
      trainable.add(row);
    } else {
      counted.add(id);
    }
  }

  private void await(JudgedRow row, String id) {
    Instant since = row.since() == null ? now : row.since();
    if (rules.isOver(since, now)) {
      quarantine(
          id,
          Reason.UNKNOWN_TURN,
          "The turn " + row.turnId() + " is not in the table turns, " + rules.maxWaitMillis()
              + " ms after the feedback was first read.");
    } else if (waiting.size() >= rules.maxWaiting()) {
      quarantine(
          id,
          Reason.TOO_MANY_WAITING,
          "The turn " + row.turnId() + " is not in the table turns, and " + rules.maxWaiting()
              + " pieces of feedback wait already.");
    } else {
      waiting.add(new Waiting(id, since, row.fingerprint()));
    }
  }

  private void quarantine(@Nullable String id, @Nullable Fault fault) {
    if (fault == null) {
      throw new IllegalStateException("A row without an id that can be kept was not found faulty.");
    }
    quarantine(id, fault.reason(), fault.detail());
  }

  private void quarantine(@Nullable String id, Reason reason, String detail) {
    quarantined.add(new Quarantined(id, reason, detail));
  }

  /** Rows that another query has dealt with. */
  long skipped() {
    return skipped;
  }

  /** Rows that can be trained if their turn has something to train. */
  List<JudgedRow> trainable() {
    return trainable;
  }

  List<String> counted() {
    return counted;
  }

  List<Quarantined> quarantined() {
    return quarantined;
  }

  List<Waiting> waiting() {
    return waiting;
  }
}
