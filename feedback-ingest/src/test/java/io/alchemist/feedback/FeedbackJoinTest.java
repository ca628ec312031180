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
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeedbackJoinTest {
  private static final FeedbackRules RULES = new FeedbackRules(8, 40, 10_000, 2);
  private static final long NOW = NOON.toEpochMilli() + 60_000;

  // One warehouse: no test uses the ids or queries of another.
  @SuppressWarnings("NullAway.Init")
  private static Tables tables;

  @SuppressWarnings("NullAway.Init")
  private static RoundLog log;

  @SuppressWarnings("NullAway.Init")
  private static TurnLog turns;

  @SuppressWarnings("NullAway.Init")
  private static FeedbackJoin join;

  private static long appends;

  @BeforeAll
  static void open(@TempDir Path directory) {
    tables = TestSpark.tables(directory);
    log = new RoundLog(tables);
    turns = new TurnLog(tables);
    join = new FeedbackJoin(tables, log, turns, RULES);
    // These are in the table only, those that come later are remembered.
    append(
        Table.TURNS, turn("t1"), turn("t2", NOON.plusSeconds(86_400), 4, 5), turn("empty", NOON));
  }

  private static void append(Table table, Row... rows) {
    tables.append(table, List.of(rows), new Txn("test", appends++));
  }

  private static void serve(Row... rows) {
    turns.append(List.of(rows), new Txn("served", appends++));
  }

  private static RoundRecord decide(String queryId, long batchId, SortedBatch sorted) {
    RoundRecord round = Samples.round(queryId, batchId, log.nextRound(), sorted);
    log.append(round);
    return round;
  }

  @Test
  void whatCanBeTrainedComesWithItsTurn() throws TimeoutException {
    long jobs = TestSpark.jobs();
    try (SortedBatch sorted = join.sort(
        batch(
            correction("f11", "t1", "Like this."),
            thumb("f12", "t2", 1.0),
            thumb("f13", "t1", -1.0),
            feedback("f14", "t1", "score", 3.5, null),
            feedback("f15", "t1", "preference", null, "Better."),
            feedback("f16", "t1", "text", null, "Hm."),
            thumb("f17", "empty", 1.0),
            correction("f18", "empty", "Something.")),
        "q1",
        0,
        NOW)) {
      assertThat(sorted.received()).isEqualTo(8);
      // Nearly all of them for turns of old; a third are Delta's, to find the files.
      assertThat(TestSpark.jobs() - jobs).isLessThan(20);
      assertThat(sorted.skipped()).isZero();
      assertThat(sorted.trainableIds()).containsExactlyInAnyOrder("f11", "f12", "f18");
      assertThat(sorted.counted()).containsExactlyInAnyOrder("f13", "f14", "f15", "f16");
      assertThat(sorted.quarantined())
          .containsExactly(new Quarantined(
              "f17", Reason.UNTRAINABLE, "The turn empty has an empty completion."));
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
              "f11 t1 executor 1 7 conversation of t1 [1, 2, 3] [4, 5] Like this.",
              "f12 t2 executor 1 7 conversation of t2 [1, 2, 3] [4, 5] null",
              "f18 empty executor 1 7 conversation of empty [1, 2, 3] [] Something.");
    }
  }

  private static String text(Row row) {
    return row.getString(0) + " " + row.getString(1) + " " + row.getString(2) + " "
        + row.getLong(3) + " " + row.getString(4) + " " + row.getList(5) + " " + row.getList(6)
        + " " + row.getString(7);
  }

  @Test
  void whatIsWrittenTwiceIsTrainedOnce() {
    append(Table.TURNS, turn("t1"));
    Row row = correction("f21", "t1", "Like this.");
    Dataset<Row> batch = batch(row, row, thumb(null, "t1", 1.0), thumb("123456789", "t1", 1.0));
    try (SortedBatch sorted = join.sort(batch, "q2", 0, NOW)) {
      assertThat(sorted.trainable().count()).isEqualTo(1);
      assertThat(sorted.trainableIds()).containsExactly("f21");
      assertThat(sorted.quarantined())
          .extracting(Quarantined::id, Quarantined::reason)
          .containsExactlyInAnyOrder(
              tuple("f21", Reason.DUPLICATE_ID),
              tuple(null, Reason.MISSING_ID),
              tuple(null, Reason.TOO_LONG));

      RoundRecord round = decide("q2", 0, sorted);
      assertThat(quarantined(batch, round))
          .containsExactlyInAnyOrder("f21 DUPLICATE_ID", "null MISSING_ID", "12345678... TOO_LONG");
    }
  }

  @Test
  void feedbackWaitsForItsTurn() {
    Row waits = correction("f31", "t93", "Like this.");
    Row late = feedback("f31", "t1", "thumb", 1.0, null, NOON.minusSeconds(1));
    append(Table.FEEDBACK, waits);
    try (SortedBatch first = join.sort(batch(waits), "q3", 0, NOW)) {
      assertThat(first.waiting()).extracting(Waiting::id).containsExactly("f31");
      decide("q3", 0, first);
    }
    // Another row with its id, though created before: the one that waits is not displaced, now or
    // later.
    append(Table.FEEDBACK, late);
    try (SortedBatch second = join.sort(batch(late), "q3", 1, NOW + 1)) {
      assertThat(second.waiting()).extracting(Waiting::id).containsExactly("f31");
      assertThat(second.waiting().get(0).since()).isEqualTo(NOON.plusSeconds(60));
      RoundRecord round = decide("q3", 1, second);
      assertThat(quarantined(batch(late), round)).containsExactly("f31 DUPLICATE_ID");
    }
    serve(turn("t93"));
    // Also where the log must be read again.
    FeedbackJoin restarted =
        new FeedbackJoin(tables, new RoundLog(tables), new TurnLog(tables), RULES);
    try (SortedBatch third = restarted.sort(batch(), "q3", 2, NOW + 2)) {
      assertThat(third.received()).isZero();
      assertThat(third.trainable().collectAsList())
          .extracting(FeedbackJoinTest::text)
          .containsExactly("f31 t93 executor 1 7 conversation of t93 [1, 2, 3] [4, 5] Like this.");
      assertThat(third.waiting()).isEmpty();
    }
  }

  @Test
  void waitingIsBoundedInTimeAndNumber() {
    Row[] rows = {thumb("f41", "t94", 1.0), thumb("f42", "t94", 1.0), thumb("f43", "t94", 1.0)};
    append(Table.FEEDBACK, rows);
    try (SortedBatch sorted = join.sort(batch(rows), "q4", 0, NOW)) {
      assertThat(sorted.waiting()).hasSize(2);
      assertThat(sorted.quarantined())
          .extracting(Quarantined::reason)
          .containsExactly(Reason.TOO_MANY_WAITING);
      decide("q4", 0, sorted);
    }
    Dataset<Row> repeated = batch(rows[0], rows[1], rows[2]);
    try (SortedBatch sorted = join.sort(repeated, "q4", 1, NOW + 10_000)) {
      assertThat(sorted.waiting()).isEmpty();
      RoundRecord round = decide("q4", 1, sorted);
      // What expired was in no row of this batch, and is stored whole.
      assertThat(quarantined(repeated, round))
          .hasSize(5)
          .filteredOn(text -> text.endsWith("UNKNOWN_TURN"))
          .hasSize(2);
    }
  }

  @Test
  void whatIsWithdrawnNoLongerWaits() {
    Row row = thumb("f51", "t95", 1.0);
    append(Table.FEEDBACK, row);
    try (SortedBatch sorted = join.sort(batch(row), "q5", 0, NOW)) {
      decide("q5", 0, sorted);
    }
    TestSpark.session()
        .sql("DELETE FROM delta.`" + tables.path(Table.FEEDBACK) + "` WHERE id = 'f51'");
    // It is missed when it would be due.
    try (SortedBatch sorted = join.sort(batch(), "q5", 1, NOW + 9_999)) {
      assertThat(sorted.waiting()).hasSize(1);
    }
    try (SortedBatch sorted = join.sort(batch(), "q5", 1, NOW + 10_000)) {
      assertThat(sorted.waiting()).isEmpty();
      assertThat(sorted.quarantined()).isEmpty();
    }
  }

  @Test
  void whatIsRememberedNeedsNoReading() throws TimeoutException {
    serve(turn("t81"), turn("t82", NOON), turn("t83"));
    Row early = thumb("f84", "t84", 1.0);
    append(Table.FEEDBACK, early);
    try (SortedBatch sorted = join.sort(batch(early), "q8", 0, NOW)) {
      decide("q8", 0, sorted);
    }
    Dataset<Row> batch = batch(
        correction("f81", "t81", "Like this."),
        thumb("f82", "t82", 1.0),
        thumb("f83", "t83", 0.5),
        thumb("f85", "t85", 1.0));
    long jobs = TestSpark.jobs();
    try (SortedBatch sorted = join.sort(batch, "q8", 1, NOW + 1)) {
      RoundRecord round = decide("q8", 1, sorted);
      List<Row> rows = join.quarantineRows(batch, round);
      tables.append(Table.QUARANTINE, rows, new Txn("quarantine-q8", 1));

      assertThat(sorted.trainableIds()).containsExactly("f81");
      assertThat(sorted.waiting()).extracting(Waiting::id).containsExactly("f84", "f85");
      assertThat(rows).hasSize(2);
      assertThat(sorted.trainable().collectAsList())
          .extracting(FeedbackJoinTest::text)
          .containsExactly("f81 t81 executor 1 7 conversation of t81 [1, 2, 3] [4, 5] Like this.");
    }
    // The batch is no table here: not even that is read.
    assertThat(TestSpark.jobs() - jobs).isZero();
  }

  @Test
  void quarantineKeepsRowsAsTheyAreButForLongTexts() {
    Instant never = Instant.parse("9999-12-31T00:00:00Z");
    Instant longAgo = Instant.parse("1600-01-01T00:00:00Z");
    String longer = "x".repeat(5_000);
    Row first = feedback("f101", "t1", "text", null, "Hm.", longAgo);
    Row second = feedback("f101", "t1", "text", null, "Hm again.", never);
    Row faulty = feedback("f102", "t1", "score", null, longer, null);
    Dataset<Row> batch = batch(first, second, faulty, correction("f103", "no turn", "Short."));
    append(Table.FEEDBACK, correction("f103", "no turn", "Short."));
    FeedbackRules impatient = new FeedbackRules(8, 10_000, 0, 2);
    FeedbackJoin other = new FeedbackJoin(tables, log, turns, impatient);
    try (SortedBatch sorted = other.sort(batch, "q10", 0, NOW)) {
      assertThat(sorted.counted()).containsExactly("f101");
      RoundRecord round = decide("q10", 0, sorted);
      List<Row> rows = other.quarantineRows(batch, round);
      tables.append(Table.QUARANTINE, rows, new Txn("quarantine-q10", 0));
    }
    assertThat(tables.read(Table.QUARANTINE).where("query_id = 'q10'").collectAsList())
        .extracting(
            row -> row.getString(0),
            row -> row.getString(4),
            row -> row.isNullAt(7) ? null : Rows.instant(row, 7))
        .containsExactlyInAnyOrder(
            tuple("f101", "Hm again.", never),
            tuple("f102", "x".repeat(1_024) + "...", null),
            tuple("f103", "Short.", NOON));
  }

  @Test
  void turnsThatWereForgottenAreRead() {
    TurnLog forgetful = new TurnLog(tables, 1_200);
    forgetful.append(
        List.of(turn("t91a"), turn("t91b"), turn("t91c"), turn("t91d")), new Txn("forgetful", 0));
    assertThat(forgetful.remembers("t91a")).isFalse();
    assertThat(forgetful.remembers("t91d")).isTrue();

    FeedbackJoin other = new FeedbackJoin(tables, log, forgetful, RULES);
    Dataset<Row> batch = batch(thumb("f91", "t91a", 1.0), correction("f92", "t91d", "Like this."));
    try (SortedBatch sorted = other.sort(batch, "q9", 0, NOW)) {
      assertThat(sorted.trainable().orderBy("feedback_id").collectAsList())
          .extracting(FeedbackJoinTest::text)
          .containsExactly(
              "f91 t91a executor 1 7 conversation of t91a [1, 2, 3] [4, 5] null",
              "f92 t91d executor 1 7 conversation of t91d [1, 2, 3] [4, 5] Like this.");
    }
  }

  @Test
  void idsAreKnownFromEarlierRoundsAndOtherQueries() {
    Dataset<Row> batch =
        batch(thumb("f61", "t1", 1.0), thumb("f62", "t1", -1.0), thumb("f63", "t1", 0.5));
    try (SortedBatch sorted = join.sort(batch, "q6", 0, NOW)) {
      decide("q6", 0, sorted);
    }
    try (SortedBatch sorted = join.sort(batch, "q6", 1, NOW)) {
      assertThat(sorted.skipped()).isZero();
      assertThat(sorted.quarantined())
          .hasSize(3)
          .extracting(Quarantined::reason)
          .containsOnly(Reason.DUPLICATE_ID);
    }
    Dataset<Row> more =
        batch(thumb("f61", "t1", 1.0), thumb("f63", "t1", 1.0), thumb("f64", "t1", 1.0));
    try (SortedBatch sorted = join.sort(more, "fresh", 0, NOW)) {
      assertThat(sorted.received()).isEqualTo(3);
      assertThat(sorted.skipped()).isEqualTo(2);
      assertThat(sorted.trainableIds()).containsExactly("f64");
      assertThat(sorted.quarantined()).isEmpty();
    }
  }

  @Test
  void aBatchIsRedoneFromItsRound() {
    Row bad = thumb("f71", "t1", 0.5);
    Row good = correction("f72", "t1", "Like this.");
    Dataset<Row> batch = batch(bad, good, good, thumb(null, "t1", 1.0));
    SortedBatch sorted = join.sort(batch, "q7", 0, NOW);
    // Training refused what the rules let pass.
    List<Quarantined> all = new ArrayList<>(sorted.quarantined());
    all.add(new Quarantined("f72", Reason.TOO_LONG, "The example has 9,000 tokens."));
    RoundRecord round = Samples.round(
        "q7", 0, 1, sorted.received(), List.of(), sorted.counted(), all, sorted.waiting());
    sorted.close();
    log.append(round);
    Txn txn = new Txn("quarantine-q7", 0);
    tables.append(Table.QUARANTINE, join.quarantineRows(batch, round), txn);

    // The batch comes again: it is in the log, what it wrote stays, and sorting gives what it gave.
    RoundLog restarted = new RoundLog(tables);
    assertThat(restarted.find("q7", 0)).contains(round);
    FeedbackJoin again = new FeedbackJoin(tables, restarted, new TurnLog(tables), RULES);
    try (SortedBatch repeated = again.sort(batch, "q7", 0, NOW + 5_000)) {
      assertThat(repeated.trainableIds()).isEqualTo(sorted.trainableIds());
      assertThat(repeated.quarantined()).isEqualTo(sorted.quarantined());
    }
    tables.append(Table.QUARANTINE, again.quarantineRows(batch, round), txn);
    assertThat(tables.read(Table.QUARANTINE).where("query_id = 'q7'").collectAsList())
        .extracting(FeedbackJoinTest::quarantined)
        .containsExactlyInAnyOrder(
            "f71 BAD_SCORE", "f72 TOO_LONG", "f72 DUPLICATE_ID", "null MISSING_ID");
    Row stored = tables
        .read(Table.QUARANTINE)
        .where("query_id = 'q7' AND reason = 'TOO_LONG'")
        .head();
    assertThat(stored.<String>getAs("text")).isEqualTo("Like this.");
    assertThat(stored.<String>getAs("detail")).isEqualTo("The example has 9,000 tokens.");
    assertThat(stored.<String>getAs("query_id")).isEqualTo("q7");
    assertThat(Rows.instant(stored, stored.fieldIndex("quarantined_at")))
        .isEqualTo(round.finishedAt());
  }

  private List<String> quarantined(Dataset<Row> batch, RoundRecord round) {
    List<Row> rows = join.quarantineRows(batch, round);
    // Likewise where the batch must be read again.
    assertThat(
            new FeedbackJoin(tables, log, new TurnLog(tables), RULES).quarantineRows(batch, round))
        .containsExactlyInAnyOrderElementsOf(rows);
    return rows.stream().map(FeedbackJoinTest::quarantined).toList();
  }

  private static String quarantined(Row row) {
    return row.getString(0) + " " + row.getString(Table.QUARANTINE.schema().fieldIndex("reason"));
  }
}
