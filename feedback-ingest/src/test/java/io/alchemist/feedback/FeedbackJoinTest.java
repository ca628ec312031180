package io.alchemist.feedback;

import static io.alchemist.feedback.Samples.NOON;
import static io.alchemist.feedback.Samples.batch;
import static io.alchemist.feedback.Samples.correction;
import static io.alchemist.feedback.Samples.feedback;
import static io.alchemist.feedback.Samples.thumb;
import static io.alchemist.feedback.Samples.turn;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeedbackJoinTest {
  private static final FeedbackRules RULES = new FeedbackRules(8, 40, 10_000, 2);
  private static final long NOW = NOON.toEpochMilli() + 60_000;

  @SuppressWarnings("NullAway.Init")
  private Tables tables;

  @SuppressWarnings("NullAway.Init")
  private RoundLog log;

  @SuppressWarnings("NullAway.Init")
  private FeedbackJoin join;

  private long appends;

  @BeforeEach
  void open(@TempDir Path directory) {
    tables = TestSpark.tables(directory);
    log = new RoundLog(tables);
    join = new FeedbackJoin(tables, log, RULES);
    append(
        Table.TURNS, turn("t1"), turn("t2", NOON.plusSeconds(86_400), 4, 5), turn("empty", NOON));
  }

  private void append(Table table, Row... rows) {
    tables.append(table, List.of(rows), new Txn("test", appends++));
  }

  private RoundRecord decide(String queryId, long batchId, SortedBatch sorted) {
    RoundRecord round = Samples.round(queryId, batchId, log.nextRound(), sorted);
    log.append(round);
    return round;
  }

  @Test
  void whatCanBeTrainedComesWithItsTurn() {
    try (SortedBatch sorted = join.sort(
        batch(
            correction("f1", "t1", "Like this."),
            thumb("f2", "t2", 1.0),
            thumb("f3", "t1", -1.0),
            feedback("f4", "t1", "score", 3.5, null),
            feedback("f5", "t1", "preference", null, "Better."),
            feedback("f6", "t1", "text", null, "Hm."),
            thumb("f7", "empty", 1.0),
            correction("f8", "empty", "Something.")),
        "q",
        0,
        NOW)) {
      assertThat(sorted.received()).isEqualTo(8);
      assertThat(sorted.skipped()).isZero();
      assertThat(sorted.trainableIds()).containsExactlyInAnyOrder("f1", "f2", "f8");
      assertThat(sorted.counted()).containsExactlyInAnyOrder("f3", "f4", "f5", "f6");
      assertThat(sorted.quarantined())
          .containsExactly(
              new Quarantined("f7", Reason.UNTRAINABLE, "The turn empty has an empty completion."));
      assertThat(sorted.waiting()).isEmpty();

      assertThat(sorted.trainable().columns())
          .containsExactly(
              "feedback_id",
              "turn_id",
              "executor_id",
              "version",
              "conversation_id",
              "prompt",
              "completion",
              "target");
      assertThat(sorted.trainable().orderBy("feedback_id").collectAsList())
          .extracting(FeedbackJoinTest::text)
          .containsExactly(
              "f1 t1 executor 1 7 conversation of t1 [1, 2, 3] [4, 5] Like this.",
              "f2 t2 executor 1 7 conversation of t2 [1, 2, 3] [4, 5] null",
              "f8 empty executor 1 7 conversation of empty [1, 2, 3] [] Something.");
    }
  }

  private static String text(Row row) {
    return row.getString(0) + " " + row.getString(1) + " " + row.getString(2) + " "
        + row.getLong(3) + " " + row.getString(4) + " " + row.getList(5) + " " + row.getList(6)
        + " " + row.getString(7);
  }

  @Test
  void anEmptyBatchIsSorted() {
    try (SortedBatch sorted = join.sort(batch(), "q", 0, NOW)) {
      assertThat(sorted.received()).isZero();
      assertThat(sorted.trainable().columns()).hasSize(8);
      assertThat(sorted.trainable().collectAsList()).isEmpty();
    }
  }

  @Test
  void whatIsWrittenTwiceIsTrainedOnce() {
    append(Table.TURNS, turn("t1"));
    Row row = correction("f1", "t1", "Like this.");
    Dataset<Row> batch = batch(row, row, thumb(null, "t1", 1.0), thumb("123456789", "t1", 1.0));
    try (SortedBatch sorted = join.sort(batch, "q", 0, NOW)) {
      assertThat(sorted.trainable().count()).isEqualTo(1);
      assertThat(sorted.trainableIds()).containsExactly("f1");
      assertThat(sorted.quarantined())
          .extracting(Quarantined::id, Quarantined::reason)
          .containsExactlyInAnyOrder(
              tuple("f1", Reason.DUPLICATE_ID),
              tuple(null, Reason.MISSING_ID),
              tuple(null, Reason.TOO_LONG));

      RoundRecord round = decide("q", 0, sorted);
      assertThat(quarantined(batch, round))
          .containsExactlyInAnyOrder("f1 DUPLICATE_ID", "null MISSING_ID", "123456789 TOO_LONG");
    }
  }

  @Test
  void feedbackWaitsForItsTurn() {
    Row waits = correction("f1", "t9", "Like this.");
    Row late = feedback("f1", "t1", "thumb", 1.0, null, NOON.minusSeconds(1));
    append(Table.FEEDBACK, waits);
    try (SortedBatch first = join.sort(batch(waits), "q", 0, NOW)) {
      assertThat(first.waiting()).extracting(Waiting::id).containsExactly("f1");
      decide("q", 0, first);
    }
    // Another row with its id, though created before: the one that waits is not displaced, now or
    // later.
    append(Table.FEEDBACK, late);
    try (SortedBatch second = join.sort(batch(late), "q", 1, NOW + 1)) {
      assertThat(second.waiting()).extracting(Waiting::id).containsExactly("f1");
      assertThat(second.waiting().get(0).since()).isEqualTo(NOON.plusSeconds(60));
      RoundRecord round = decide("q", 1, second);
      assertThat(quarantined(batch(late), round)).containsExactly("f1 DUPLICATE_ID");
    }
    append(Table.TURNS, turn("t9"));
    // Also where the log must be read again.
    FeedbackJoin restarted = new FeedbackJoin(tables, new RoundLog(tables), RULES);
    try (SortedBatch third = restarted.sort(batch(), "q", 2, NOW + 2)) {
      assertThat(third.received()).isZero();
      assertThat(third.trainable().collectAsList())
          .extracting(FeedbackJoinTest::text)
          .containsExactly("f1 t9 executor 1 7 conversation of t9 [1, 2, 3] [4, 5] Like this.");
      decide("q", 2, third);
    }
    try (SortedBatch fourth = join.sort(batch(), "q", 3, NOW + 3)) {
      assertThat(fourth.trainableIds()).isEmpty();
      assertThat(fourth.waiting()).isEmpty();
    }
  }

  @Test
  void waitingIsBoundedInTimeAndNumber() {
    Row[] rows = {thumb("f1", "t9", 1.0), thumb("f2", "t9", 1.0), thumb("f3", "t9", 1.0)};
    append(Table.FEEDBACK, rows);
    try (SortedBatch sorted = join.sort(batch(rows), "q", 0, NOW)) {
      assertThat(sorted.waiting()).hasSize(2);
      assertThat(sorted.quarantined())
          .extracting(Quarantined::reason)
          .containsExactly(Reason.TOO_MANY_WAITING);
      decide("q", 0, sorted);
    }
    try (SortedBatch sorted = join.sort(batch(), "q", 1, NOW + 9_999)) {
      assertThat(sorted.waiting()).hasSize(2);
      decide("q", 1, sorted);
    }
    Dataset<Row> repeated = batch(rows[0], rows[1], rows[2]);
    try (SortedBatch sorted = join.sort(repeated, "q", 2, NOW + 10_000)) {
      assertThat(sorted.waiting()).isEmpty();
      RoundRecord round = decide("q", 2, sorted);
      // What expired was in no row of this batch, and is stored whole.
      assertThat(quarantined(repeated, round))
          .hasSize(5)
          .filteredOn(text -> text.endsWith("UNKNOWN_TURN"))
          .hasSize(2);
    }
  }

  @Test
  void whatIsWithdrawnNoLongerWaits() {
    Row row = thumb("f1", "t9", 1.0);
    append(Table.FEEDBACK, row);
    try (SortedBatch sorted = join.sort(batch(row), "q", 0, NOW)) {
      decide("q", 0, sorted);
    }
    TestSpark.session().sql("DELETE FROM delta.`" + tables.path(Table.FEEDBACK) + "`");
    try (SortedBatch sorted = join.sort(batch(), "q", 1, NOW)) {
      assertThat(sorted.waiting()).isEmpty();
      assertThat(sorted.quarantined()).isEmpty();
    }
  }

  @Test
  void idsAreKnownFromEarlierRoundsAndOtherQueries() {
    Dataset<Row> batch =
        batch(thumb("f1", "t1", 1.0), thumb("f2", "t1", -1.0), thumb("f3", "t1", 0.5));
    try (SortedBatch sorted = join.sort(batch, "q", 0, NOW)) {
      decide("q", 0, sorted);
    }
    try (SortedBatch sorted = join.sort(batch, "q", 1, NOW)) {
      assertThat(sorted.skipped()).isZero();
      assertThat(sorted.quarantined())
          .hasSize(3)
          .extracting(Quarantined::reason)
          .containsOnly(Reason.DUPLICATE_ID);
    }
    Dataset<Row> more =
        batch(thumb("f1", "t1", 1.0), thumb("f3", "t1", 1.0), thumb("f4", "t1", 1.0));
    try (SortedBatch sorted = join.sort(more, "fresh", 0, NOW)) {
      assertThat(sorted.received()).isEqualTo(3);
      assertThat(sorted.skipped()).isEqualTo(2);
      assertThat(sorted.trainableIds()).containsExactly("f4");
      assertThat(sorted.quarantined()).isEmpty();
    }
  }

  @Test
  void aBatchIsRedoneFromItsRound() {
    Row bad = thumb("f1", "t1", 0.5);
    Row good = correction("f2", "t1", "Like this.");
    Dataset<Row> batch = batch(bad, good, good, thumb(null, "t1", 1.0));
    SortedBatch sorted = join.sort(batch, "q", 0, NOW);
    // Training refused what the rules let pass.
    List<Quarantined> all = new ArrayList<>(sorted.quarantined());
    all.add(new Quarantined("f2", Reason.TOO_LONG, "The example has 9,000 tokens."));
    RoundRecord round = Samples.round(
        "q", 0, 1, sorted.received(), List.of(), sorted.counted(), all, sorted.waiting());
    sorted.close();
    log.append(round);
    Txn txn = new Txn("quarantine-q", 0);
    tables.append(Table.QUARANTINE, join.quarantineRows(batch, round), txn);

    // The batch comes again: it is in the log, what it wrote stays, and sorting gives what it gave.
    RoundLog restarted = new RoundLog(tables);
    assertThat(restarted.find("q", 0)).contains(round);
    FeedbackJoin again = new FeedbackJoin(tables, restarted, RULES);
    try (SortedBatch repeated = again.sort(batch, "q", 0, NOW + 5_000)) {
      assertThat(repeated.trainableIds()).isEqualTo(sorted.trainableIds());
      assertThat(repeated.quarantined()).isEqualTo(sorted.quarantined());
    }
    tables.append(Table.QUARANTINE, again.quarantineRows(batch, round), txn);
    assertThat(tables.read(Table.QUARANTINE).collectAsList())
        .extracting(FeedbackJoinTest::quarantined)
        .containsExactlyInAnyOrder(
            "f1 BAD_SCORE", "f2 TOO_LONG", "f2 DUPLICATE_ID", "null MISSING_ID");
    Row stored = tables.read(Table.QUARANTINE).where("reason = 'TOO_LONG'").head();
    assertThat(stored.<String>getAs("text")).isEqualTo("Like this.");
    assertThat(stored.<String>getAs("detail")).isEqualTo("The example has 9,000 tokens.");
    assertThat(stored.<String>getAs("query_id")).isEqualTo("q");
    assertThat(Rows.instant(stored, stored.fieldIndex("quarantined_at")))
        .isEqualTo(round.finishedAt());
  }

  @Test
  void jobsOfABatchAreFew() {
    append(Table.FEEDBACK, thumb("f0", "t1", 1.0));
    try (SortedBatch warm = join.sort(batch(thumb("f0", "t1", 1.0)), "q", 0, NOW)) {
      decide("q", 0, warm);
    }
    long before = TestSpark.jobs();
    try (SortedBatch sorted = join.sort(batch(thumb("f1", "t2", 1.0)), "q", 1, NOW)) {
      assertThat(sorted.trainable().count()).isEqualTo(1);
    }
    assertThat(TestSpark.jobs() - before).isBetween(3L, 16L);
  }

  private List<String> quarantined(Dataset<Row> batch, RoundRecord round) {
    Dataset<Row> rows = join.quarantineRows(batch, round);
    assertThat(rows.columns()).isEqualTo(Table.QUARANTINE.schema().fieldNames());
    return rows.collectAsList().stream().map(FeedbackJoinTest::quarantined).toList();
  }

  private static String quarantined(Row row) {
    return row.<String>getAs("id") + " " + row.<String>getAs("reason");
  }
}
