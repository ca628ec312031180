package io.alchemist.feedback;

import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * Judges micro-batches of feedback and joins them with their turns. Writes nothing: a batch's outcome is its one row in
 * {@link Table#ROUNDS}, which is written when training has ended, and everything else follows from that row and can be
 * done again. A batch's ids and the texts that it trains come to the driver, so they must fit there.
 *
 * <p>Of several rows with one id the first counts: the one that waits, else the one created first, else the one with the
 * lower hash.
 *
 * <p>What waits is remembered, and read again from the table {@code feedback} when its turn is there or its time is up: what was
 * withdrawn meanwhile is dropped then. Used by one thread at a time.
 */
public final class FeedbackJoin {
  private final RoundLog rounds;
  private final TurnLog turns;
  private final FeedbackRules rules;
  private final FeedbackRows feedback;

  /** What waited after the batch that was sorted last, without texts. */
  private Map<Waiting, JudgedRow> remembered = Map.of();
  /** The rows that the last call sorted: those that its round did not use need not be read again. */
  private @Nullable Sorted last;

  private record Sorted(String queryId, long batchId, List<JudgedRow> rows) {}

  /**
   * Over tables that exist.
   *
   * @param rounds the log that outcomes are appended to
   * @param turns the log that turns are appended to
   */
  public FeedbackJoin(Tables tables, RoundLog rounds, TurnLog turns, FeedbackRules rules) {
    this.rounds = rounds;
    this.turns = turns;
    this.rules = rules;
    this.feedback = new FeedbackRows(tables, rules);
  }

  /**
   * Judges a batch together with what waits since the query's earlier batches.
   *
   * @param batch rows of {@link Table#FEEDBACK}
   * @param nowMillis since the epoch; how long feedback has waited is measured by it
   */
  public SortedBatch sort(Dataset<Row> batch, String queryId, long batchId, long nowMillis) {
    Instant now = Instant.ofEpochMilli(nowMillis);
    List<JudgedRow> own = feedback.read(batch);
    List<Waiting> waiting = waiting(queryId, batchId);
    List<JudgedRow> rows = new ArrayList<>(own);
    List<Waiting> due = new ArrayList<>();
    for (Waiting item : waiting) {
      if (isDue(item, now)) { // asked once, since turns come while this runs
        due.add(item);
      } else {
        rows.add(Objects.requireNonNull(remembered.get(item)));
      }
    }
    rows.addAll(feedback.read(due));
    Map<String, Instant> endedAt = turns.endedAt(
        values(rows, JudgedRow::turnId),
        values(
            rows.stream()
                .filter(row -> row.since() != null && rules.isOver(row.since(), now))
                .toList(),
            JudgedRow::turnId));
    readAgain(rows, waiting, endedAt.keySet());
    BatchSorter sorter = new BatchSorter(
        rules, rounds.done(values(rows, JudgedRow::id), queryId, batchId), endedAt.keySet(), now);
    sorter.sort(rows);

    TurnLog.Trainable trainable = turns.join(sorter.trainable(), endedAt);
    List<String> ordered = new ArrayList<>();
    List<Quarantined> quarantined = new ArrayList<>(sorter.quarantined());
    for (JudgedRow row : sorter.trainable()) {
      String id = Objects.requireNonNull(row.id());
      if (trainable.ids().contains(id)) {
        ordered.add(id);
      } else {
        quarantined.add(new Quarantined(
            id, Reason.UNTRAINABLE, "The turn " + row.turnId() + " has an empty completion."));
      }
    }
    remember(rows, sorter.waiting());
    last = new Sorted(queryId, batchId, rows);
    return new SortedBatch(
        own.size(),
        sorter.skipped(),
        trainable.rows(),
        ordered,
        sorter.counted(),
        quarantined,
        sorter.waiting());
  }

  /**
   * The rows that a round did not use, with the columns of {@link Table#QUARANTINE}, long values cut; those that training refused
   * included. The same batch and round always give the same rows.
   *
   * @param batch the rows that {@link #sort} was given
   * @param round the batch's outcome
   */
  public List<Row> quarantineRows(Dataset<Row> batch, RoundRecord round) {
    List<QuarantineRows.Chosen> chosen = QuarantineRows.choose(rows(batch, round), round);
    List<JudgedRow> brief = chosen.stream()
        .map(QuarantineRows.Chosen::row)
        .filter(row -> !row.whole())
        .toList();
    Map<Long, Row> whole = brief.isEmpty() ? Map.of() : feedback.readWhole(batch, brief);
    return chosen.stream()
        .map(item ->
            item.toRow(whole.getOrDefault(item.row().fingerprint(), item.row().row()), round))
        .toList();
  }

  /** All that a round was about: as it was sorted just now, or read again. */
  private List<JudgedRow> rows(Dataset<Row> batch, RoundRecord round) {
    Sorted known = last;
    if (known != null
        && known.queryId.equals(round.queryId())
        && known.batchId == round.batchId()) {
      return known.rows;
    }
    List<JudgedRow> rows = new ArrayList<>(feedback.read(batch));
    rows.addAll(feedback.read(waiting(round.queryId(), round.batchId())));
    return rows;
  }

  /**
   * What earlier rounds have found trainable, once more. What was withdrawn meanwhile is missing.
   *
   * @param ids of feedback
   * @return rows as {@link SortedBatch#trainable}; to be given back by unpersist
   */
  public Dataset<Row> trainable(List<String> ids) {
    List<JudgedRow> rows = feedback.readTrainable(ids);
    Set<String> turnIds = values(rows, JudgedRow::turnId);
    Map<String, Instant> endedAt = turns.endedAt(turnIds, turnIds);
    return turns
        .join(
            rows.stream()
                .filter(row -> row.turnId() != null && endedAt.containsKey(row.turnId()))
                .toList(),
            endedAt)
        .rows();
  }

  /** Reads the rows that have waited and were not due a moment ago, and whose turn is there now. */
  private void readAgain(List<JudgedRow> rows, List<Waiting> waiting, Set<String> turnIds) {
    List<Waiting> late = new ArrayList<>();
    for (Waiting item : waiting) {
      JudgedRow row = remembered.get(item);
      if (row != null && turnIds.contains(row.turnId()) && rows.remove(row)) {
        late.add(item);
      }
    }
    rows.addAll(feedback.read(late));
  }

  /** What the query's last batch left waiting. */
  private List<Waiting> waiting(String queryId, long batchId) {
    return rounds.lastBefore(queryId, batchId).map(RoundRecord::waiting).orElse(List.of());
  }

  /** Whether something is to be done with a row that waits, or nothing is known of it but its name. */
  private boolean isDue(Waiting item, Instant now) {
    JudgedRow row = remembered.get(item);
    return row == null
        || rules.isOver(item.since(), now)
        || turns.remembers(Objects.requireNonNull(row.turnId()));
  }

  private void remember(List<JudgedRow> rows, List<Waiting> waiting) {
    Map<Waiting, JudgedRow> waits = new HashMap<>();
    Map<String, Waiting> byId =
        waiting.stream().collect(Collectors.toMap(Waiting::id, item -> item));
    for (JudgedRow row : rows) {
      Waiting item = row.id() == null ? null : byId.get(row.id());
      if (item != null && item.fingerprint() == row.fingerprint()) {
        waits.put(item, row.waiting(item.since()).brief());
      }
    }
    remembered = waits;
  }

  private static Set<String> values(
      Collection<JudgedRow> rows, Function<JudgedRow, @Nullable String> column) {
    return rows.stream()
        .map(column)
        .flatMap(Stream::ofNullable)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }
}
