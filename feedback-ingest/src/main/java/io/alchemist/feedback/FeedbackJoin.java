package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.when;

import io.alchemist.feedback.FeedbackRules.Kind;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * Judges micro-batches of feedback and joins them with their turns. Writes nothing: a batch's outcome is its one row in
 * {@link Table#ROUNDS}, which is written when training has ended, and everything else follows from that row and can be
 * done again. Texts and tokens stay with the executors; ids come to the driver, so a batch's ids must fit there.
 *
 * <p>Of several rows with one id the first counts: the one that waits, else the one created first, else the one with the
 * lower hash. Thread-safe.
 */
public final class FeedbackJoin {
  private static final StructType TRAINABLE = new StructType()
      .add("feedback_id", DataTypes.StringType)
      .add("turn_id", DataTypes.StringType)
      .add("executor_id", DataTypes.StringType)
      .add("version", DataTypes.LongType)
      .add("conversation_id", DataTypes.StringType)
      .add("prompt", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("completion", DataTypes.createArrayType(DataTypes.IntegerType))
      .add("target", DataTypes.StringType);

  private static final StructType CHOSEN =
      new StructType().add("id", DataTypes.StringType).add("fingerprint", DataTypes.LongType);

  private final Tables tables;
  private final RoundLog rounds;
  private final TurnLookup turns;
  private final FeedbackRules rules;

  /**
   * Over tables that exist.
   *
   * @param rounds the log that outcomes are appended to
   */
  public FeedbackJoin(Tables tables, RoundLog rounds, FeedbackRules rules) {
    this.tables = tables;
    this.rounds = rounds;
    this.turns = new TurnLookup(tables);
    this.rules = rules;
  }

  /**
   * Judges a batch together with what waits since the query's earlier batches.
   *
   * @param batch rows of {@link Table#FEEDBACK}
   * @param nowMillis since the epoch; how long feedback has waited is measured by it
   */
  public SortedBatch sort(Dataset<Row> batch, String queryId, long batchId, long nowMillis) {
    Dataset<Row> rows = rows(batch, queryId, batchId);
    List<JudgedRow> judged = FeedbackRows.collect(rows);
    Map<String, Instant> endedAt = turns.endedAt(values(judged, JudgedRow::turnId));
    BatchSorter sorter = new BatchSorter(
        rules,
        rounds.done(values(judged, JudgedRow::id), queryId, batchId),
        endedAt.keySet(),
        Instant.ofEpochMilli(nowMillis));
    sorter.sort(judged);

    Dataset<Row> trainable = trainable(rows, sorter.trainable(), endedAt);
    Set<String> trainableIds = new HashSet<>();
    if (!sorter.trainable().isEmpty()) {
      // This fills the cache, too.
      trainable
          .select("feedback_id")
          .collectAsList()
          .forEach(row -> trainableIds.add(row.getString(0)));
    }
    List<String> ordered = new ArrayList<>();
    List<Quarantined> quarantined = new ArrayList<>(sorter.quarantined());
    for (JudgedRow row : sorter.trainable()) {
      String id = Objects.requireNonNull(row.id());
      if (trainableIds.contains(id)) {
        ordered.add(id);
      } else {
        quarantined.add(new Quarantined(
            id, Reason.UNTRAINABLE, "The turn " + row.turnId() + " has an empty completion."));
      }
    }
    long received = judged.stream().filter(row -> row.since() == null).count();
    return new SortedBatch(
        received,
        sorter.skipped(),
        trainable,
        ordered,
        sorter.counted(),
        quarantined,
        sorter.waiting());
  }

  /**
   * The whole rows that a round did not use, with the columns of {@link Table#QUARANTINE}; those that training refused
   * included. The same batch and round always give the same rows.
   *
   * @param batch the rows that {@link #sort} was given
   * @param round the batch's outcome
   */
  public Dataset<Row> quarantineRows(Dataset<Row> batch, RoundRecord round) {
    return QuarantineRows.of(rows(batch, round.queryId(), round.batchId()), round, tables.spark());
  }

  private Dataset<Row> rows(Dataset<Row> batch, String queryId, long batchId) {
    List<Waiting> waiting =
        rounds.lastBefore(queryId, batchId).map(RoundRecord::waiting).orElse(List.of());
    return FeedbackRows.of(batch, waiting, tables, rules);
  }

  /** One row for each of {@code wanted} whose turn has what is to be trained. */
  private Dataset<Row> trainable(
      Dataset<Row> rows, List<JudgedRow> wanted, Map<String, Instant> endedAt) {
    if (wanted.isEmpty()) {
      return tables.spark().createDataFrame(List.of(), TRAINABLE);
    }
    Set<Instant> times = new HashSet<>();
    List<Row> chosen = new ArrayList<>();
    for (JudgedRow row : wanted) {
      times.add(Objects.requireNonNull(endedAt.get(row.turnId())));
      chosen.add(RowFactory.create(row.id(), row.fingerprint()));
    }
    // Of rows with one id, the one that was chosen.
    Dataset<Row> feedback = rows.join(
            broadcast(tables.spark().createDataFrame(chosen, CHOSEN)),
            new String[] {"id", "fingerprint"})
        .select(
            col("id").as("feedback_id"),
            col("turn_id"),
            when(col("kind").equalTo(Kind.CORRECTION.label()), col("text")).as("target"));
    return turns
        .around(times)
        .join(broadcast(feedback), "turn_id")
        .where(col("target").isNotNull().or(size(col("completion")).gt(0)))
        // The same row may have been written twice, feedback and turns alike.
        .dropDuplicates(new String[] {"feedback_id"})
        .selectExpr(TRAINABLE.fieldNames())
        .persist();
  }

  private static Set<String> values(
      List<JudgedRow> rows, Function<JudgedRow, @Nullable String> column) {
    return rows.stream()
        .map(column)
        .filter(Objects::nonNull)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }
}
