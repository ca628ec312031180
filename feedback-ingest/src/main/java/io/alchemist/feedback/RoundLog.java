package io.alchemist.feedback;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.filter;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.transform;
import static org.apache.spark.sql.functions.when;

import io.alchemist.feedback.BatchSorter.DoneBy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;

/**
 * The outcomes of all micro-batches, as the table {@code rounds} has them. A query's rounds are appended through one
 * instance, which remembers the newest and, by a filter, all ids: so a batch seldom needs to read the table. Thread-safe.
 */
public final class RoundLog {
  /** The batch at work and the one before it. */
  private static final int REMEMBERED = 2;

  private final Tables tables;
  private final IdFilter decided;
  private final Object lock = new Object();
  private final Deque<RoundRecord> known = new ArrayDeque<>(); // newest first; guarded by lock
  private boolean asked; // the table, for its newest round; guarded by lock

  /** Over the table, which must exist. */
  public RoundLog(Tables tables) {
    this.tables = tables;
    this.decided = new IdFilter(
        tables, () -> tables.read(Table.ROUNDS).select(explode(decidedIds()).as("id")));
  }

  /** The outcome of a micro-batch, if it has been decided. */
  public Optional<RoundRecord> find(String queryId, long batchId) {
    Optional<RoundRecord> known = remembered(queryId, batchId);
    return known.isPresent()
        ? known
        : first(rounds(queryId).where(col("batch_id").equalTo(batchId)));
  }

  /** The outcome of the query's newest micro-batch that has been decided. */
  public Optional<RoundRecord> last(String queryId) {
    return lastBefore(queryId, Long.MAX_VALUE);
  }

  /** The outcome of the newest micro-batch before {@code batchId}. */
  Optional<RoundRecord> lastBefore(String queryId, long batchId) {
    Optional<RoundRecord> remembered = rememberedBefore(queryId, batchId);
    return remembered.isPresent()
        ? remembered
        : first(rounds(queryId)
            .where(col("batch_id").lt(batchId))
            .orderBy(col("batch_id").desc())
            .limit(1));
  }

  /** The newest round of all queries. */
  public Optional<RoundRecord> newest() {
    synchronized (lock) {
      if (!asked) {
        first(tables.read(Table.ROUNDS).orderBy(col("round").desc()).limit(1))
            .ifPresent(known::addLast);
        asked = true;
      }
      return Optional.ofNullable(known.peekFirst());
    }
  }

  /** Ids of the newest feedback that was held out, oldest first, at most so many. */
  public List<String> newestHeldOut(int most) {
    List<String> ids = new ArrayList<>();
    for (Row row : tables
        .read(Table.ROUNDS)
        .where(size(col("held_out")).gt(0))
        .orderBy(col("round").desc())
        .limit(most)
        .select("held_out")
        .collectAsList()) {
      ids.addAll(0, row.<String>getList(0));
    }
    return List.copyOf(ids.subList(Math.max(0, ids.size() - most), ids.size()));
  }

  /** Ids of feedback whose gradient has not gone into a step yet: of rounds since the last step, with too few examples. */
  public List<String> accumulated() {
    Optional<RoundRecord> newest = newest();
    if (newest.isEmpty() || newest.get().steps() > 0) {
      return List.of();
    }
    Dataset<Row> all = tables.read(Table.ROUNDS);
    Row lastStep = all.where(col("steps").gt(0)).agg(max("round")).head();
    return all.where(col("gate")
            .equalTo(RoundRecord.Gate.ACCUMULATED.name())
            .and(col("round").gt(lastStep.isNullAt(0) ? 0 : lastStep.getLong(0))))
        .select(explode(col("trained")))
        .as(Encoders.STRING())
        .collectAsList();
  }

  /** The number that the next round gets. Unique as long as one process appends rounds. */
  public long nextRound() {
    return newest().map(RoundRecord::round).orElse(0L) + 1;
  }

  /** Decides a micro-batch; nothing where it has been decided. */
  public void append(RoundRecord round) {
    // Before, since an append that failed may have put the row there. Where it has not, a look at
    // the table is in vain, no more.
    decided.add(decidedIds(round));
    boolean done = false;
    try {
      tables.append(
          Table.ROUNDS,
          List.of(round.toRow()),
          new Txn("rounds-" + round.queryId(), round.batchId()));
      done = true;
    } finally {
      remember(round, done);
    }
  }

  private void remember(RoundRecord round, boolean isThere) {
    synchronized (lock) {
      if (isThere) {
        known.addFirst(round);
        if (known.size() > REMEMBERED) {
          known.removeLast();
        }
      } else {
        known.clear();
        asked = false;
      }
    }
  }

  /** What is remembered are the newest rounds without a gap, so that the first that is old enough is the one. */
  private Optional<RoundRecord> rememberedBefore(String queryId, long batchId) {
    synchronized (lock) {
      return known.stream()
          .filter(round -> round.queryId().equals(queryId) && round.batchId() < batchId)
          .findFirst();
    }
  }

  private Optional<RoundRecord> remembered(String queryId, long batchId) {
    synchronized (lock) {
      return known.stream()
          .filter(round -> round.queryId().equals(queryId) && round.batchId() == batchId)
          .findFirst();
    }
  }

  /** Sums over all rounds. */
  public RoundTotals totals() {
    Row sums = tables
        .read(Table.ROUNDS)
        .agg(
            total(when(size(col("trained")).gt(0), 1L).otherwise(0L)),
            total(col("received")),
            total(size(col("trained"))),
            total(size(col("counted"))),
            total(size(col("quarantined"))),
            total(col("reused_tokens")),
            total(col("recomputed_tokens")),
            total(col("predicting_tokens")))
        .head();
    return new RoundTotals(
        sums.getLong(0),
        sums.getLong(1),
        sums.getLong(2),
        sums.getLong(3),
        sums.getLong(4),
        sums.getLong(5),
        sums.getLong(6),
        sums.getLong(7));
  }

  /**
   * Of these ids, those that rounds have dealt with: earlier ones of this query, any of others. What waits has not been
   * dealt with.
   */
  Map<String, DoneBy> done(Set<String> ids, String queryId, long batchId) {
    Map<String, DoneBy> done = new HashMap<>();
    Set<String> possible = decided.possible(ids);
    if (possible.isEmpty()) {
      return done;
    }
    Column thisQuery = col("query_id").equalTo(queryId);
    Dataset<Row> rows = tables
        .read(Table.ROUNDS)
        .where(not(thisQuery).or(col("batch_id").lt(batchId)))
        .select(thisQuery.as("this_query"), explode(decidedIds()).as("id"))
        .join(tables.strings("id", possible), "id");
    for (Row row : rows.collectAsList()) {
      DoneBy by = row.getBoolean(1) ? DoneBy.THIS_QUERY : DoneBy.ANOTHER_QUERY;
      done.merge(row.getString(0), by, (a, b) -> DoneBy.THIS_QUERY);
    }
    return done;
  }

  private static Column decidedIds() {
    return concat(col("trained"), col("counted"), col("held_out"), quarantinedFirst());
  }

  private static List<String> decidedIds(RoundRecord round) {
    Stream<String> quarantined = round.quarantined().stream()
        .filter(item -> item.id() != null && item.reason() != Reason.DUPLICATE_ID)
        .map(item -> Objects.requireNonNull(item.id()));
    return Stream.of(
            round.trained().stream(),
            round.counted().stream(),
            round.heldOut().stream(),
            quarantined)
        .flatMap(ids -> ids)
        .toList();
  }

  /** Without duplicates: another row with that id is elsewhere, and may still wait. */
  private static Column quarantinedFirst() {
    Column first = filter(
        col("quarantined"), item -> item.getField("reason").notEqual(Reason.DUPLICATE_ID.name()));
    return transform(first, item -> item.getField("id"));
  }

  private static Column total(Column column) {
    return coalesce(sum(column), lit(0L));
  }

  private Dataset<Row> rounds(String queryId) {
    return tables.read(Table.ROUNDS).where(col("query_id").equalTo(queryId));
  }

  private static Optional<RoundRecord> first(Dataset<Row> rounds) {
    return rounds.takeAsList(1).stream().findFirst().map(RoundRecord::from);
  }
}
