package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeedbackStreamTest {
  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private final SparkSession spark = TestSpark.session();

  /** A handler as a main job has it, less the training. */
  private static final class Loop implements BatchHandler {
    private final Tables tables;
    private final RoundLog log;
    private final TurnLog turns;
    private final FeedbackJoin join;
    final List<RoundRecord> rounds = new CopyOnWriteArrayList<>();

    Loop(Tables tables) {
      this.tables = tables;
      this.log = new RoundLog(tables);
      this.turns = new TurnLog(tables);
      this.join = new FeedbackJoin(tables, log, turns, FeedbackRules.DEFAULTS);
    }

    @Override
    public void handle(Dataset<Row> rows, String queryId, long batchId) {
      RoundRecord round =
          log.find(queryId, batchId).orElseGet(() -> decide(rows, queryId, batchId));
      if (!round.quarantined().isEmpty()) {
        tables.append(
            Table.QUARANTINE,
            join.quarantineRows(rows, round),
            new Txn("quarantine-" + queryId, batchId));
      }
      rounds.add(round);
    }

    private RoundRecord decide(Dataset<Row> rows, String queryId, long batchId) {
      try (SortedBatch sorted = join.sort(rows, queryId, batchId, System.currentTimeMillis())) {
        RoundRecord round = Samples.round(queryId, batchId, log.nextRound(), sorted);
        log.append(round);
        return round;
      }
    }

    List<String> trained() {
      return rounds.stream().flatMap(round -> round.trained().stream()).toList();
    }
  }

  @Test
  void feedbackIsTrainedOnceAcrossRestartsAndChangesByOthers(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    StreamConfig config = new StreamConfig(directory.resolve("checkpoint").toString(), 50, 100);
    tables.append(Table.TURNS, List.of(Samples.turn("t1")), new Txn("test", 0));
    append(tables, 1, Samples.thumb("f1", "t1", 1.0), Samples.thumb("f2", "later", 1.0));

    Loop first = new Loop(tables);
    String queryId;
    try (FeedbackStream stream = FeedbackStream.start(spark, tables, config, first)) {
      await().atMost(PATIENCE).until(() -> first.trained().contains("f1"));
      queryId = stream.query().id().toString();

      // Nothing new in the table, but a turn that was waited for.
      first.turns.append(List.of(Samples.turn("later")), new Txn("test", 2));
      stream.wakeUp();
      await().atMost(PATIENCE).until(() -> first.trained().contains("f2"));
      assertThat(first.rounds).extracting(RoundRecord::received).startsWith(2L, 0L);
    }

    // Others tidy up and withdraw, while nobody listens.
    spark.sql("OPTIMIZE delta.`" + tables.path(Table.FEEDBACK) + "`");
    spark.sql("DELETE FROM delta.`" + tables.path(Table.FEEDBACK) + "` WHERE id = 'f1'");
    append(tables, 3, Samples.thumb("f3", "t1", 1.0), Samples.thumb(null, "t1", 1.0));

    Loop second = new Loop(tables);
    try (FeedbackStream stream = FeedbackStream.start(spark, tables, config, second)) {
      stream.wakeUp();
      await().atMost(PATIENCE).until(() -> second.trained().contains("f3"));
      stream.wakeUp();
      await().atMost(PATIENCE).until(() -> second.rounds.stream().anyMatch(r -> r.batchId() >= 3));
      assertThat(stream.query().exception().isEmpty()).isTrue();
    }
    // The batch at which the first was stopped may have come again; it was not decided again.
    assertThat(second.rounds).extracting(RoundRecord::queryId).containsOnly(queryId);
    assertThat(second.rounds)
        .extracting(RoundRecord::batchId)
        .doesNotHaveDuplicates()
        .contains(2L, 3L);
    assertThat(tables.read(Table.ROUNDS).orderBy("batch_id").collectAsList())
        .flatExtracting(row -> RoundRecord.from(row).trained())
        .containsExactly("f1", "f2", "f3");
    assertThat(tables.read(Table.QUARANTINE).select("reason").collectAsList())
        .extracting(row -> row.getString(0))
        .containsExactly("MISSING_ID");
  }

  @Test
  void aBatchThatFailedComesAgainWithItsRows(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    StreamConfig config = new StreamConfig(directory.resolve("checkpoint").toString(), 50, 100);
    append(tables, 0, Samples.thumb("f1", "t1", 1.0));
    try (FeedbackStream stream = FeedbackStream.start(spark, tables, config, (rows, query, id) -> {
      throw new IllegalStateException("the device is gone");
    })) {
      assertThatThrownBy(() -> stream.query().awaitTermination())
          .isInstanceOf(StreamingQueryException.class)
          .hasStackTraceContaining("the device is gone");
    }
    append(tables, 1, Samples.thumb("f2", "t1", 1.0));

    List<String> seen = new CopyOnWriteArrayList<>();
    try (FeedbackStream stream =
        FeedbackStream.start(spark, tables, config, (rows, query, id) -> rows.select("id")
            .collectAsList()
            .forEach(row -> seen.add(id + " " + row.getString(0))))) {
      await().atMost(PATIENCE).until(() -> seen.size() == 2);
      assertThat(stream.query().isActive()).isTrue();
    }
    assertThat(seen).containsExactly("0 f1", "1 f2");
  }

  @Test
  void settingsAreChecked() {
    assertThatThrownBy(() -> new StreamConfig(" ", 1, 1))
        .hasMessage("checkpointDir is blank; name a directory that survives restarts.");
    assertThatThrownBy(() -> new StreamConfig("c", -1, 1))
        .hasMessage("triggerMillis = -1 is negative.");
    assertThatThrownBy(() -> new StreamConfig("c", 1, 0))
        .hasMessage("maxFilesPerTrigger = 0 is less than 1.");
  }

  private static void append(Tables tables, long version, Row... rows) {
    tables.append(Table.FEEDBACK, List.of(rows), new Txn("test", version));
  }
}
