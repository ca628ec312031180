package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.NaiveFeedback.Outcome;
import io.alchemist.feedback.RoundRecord.Quarantined;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random batches through the tables and through a model of a few lines. */
class FeedbackJoinModelTest {
  private static final FeedbackRules RULES = RandomFeedback.RULES;

  @Test
  void batchesAreSortedAsTheModelSays(@TempDir Path directory) {
    RandomFeedback random = new RandomFeedback(1);
    Tables tables = TestSpark.tables(directory);
    RoundLog log = new RoundLog(tables);
    TurnLog turns = new TurnLog(tables);
    FeedbackJoin join = new FeedbackJoin(tables, log, turns, RULES);
    NaiveFeedback model = new NaiveFeedback(RULES);
    List<Row> feedback = new ArrayList<>();
    long clock = Samples.NOON.toEpochMilli();

    for (int batchId = 0; batchId < 3; batchId++) {
      turns.append(random.moreTurns(), new Txn("test", batchId));
      List<Row> rows = random.moreFeedback(80);
      tables.append(Table.FEEDBACK, rows, new Txn("test", batchId));
      feedback.addAll(rows);
      clock += 1_500;
      check(join, log, model, rows, "first", batchId, clock, random.turns);
    }
    // A fresh checkpoint: the whole table again, by another query.
    model.forgetWaiting();
    check(join, log, model, feedback, "second", 0, clock + 1_000, random.turns);
  }

  private static void check(
      FeedbackJoin join,
      RoundLog log,
      NaiveFeedback model,
      List<Row> rows,
      String query,
      long batchId,
      long now,
      Map<String, Boolean> turns) {
    Dataset<Row> batch = Samples.batch(rows);
    try (SortedBatch sorted = join.sort(batch, query, batchId, now)) {
      assertThat(Outcome.of(sorted)).isEqualTo(model.sort(rows, query, now, turns));
      assertThat(sorted.trainable().select("feedback_id").collectAsList())
          .extracting(row -> row.getString(0))
          .containsExactlyInAnyOrderElementsOf(sorted.trainableIds());
      RoundRecord round = Samples.round(query, batchId, log.nextRound(), sorted);
      log.append(round);
      assertThat(join.quarantineRows(batch, round))
          .extracting(row ->
              key(row.getString(0), row.getString(Table.QUARANTINE.schema().fieldIndex("reason"))))
          .containsExactlyInAnyOrderElementsOf(
              round.quarantined().stream().map(FeedbackJoinModelTest::key).toList());
    }
  }

  /** Ids that cannot be kept are null in a round and as they were in the quarantine. */
  private static String key(@Nullable String id, String reason) {
    return (RULES.usableId(id) ? id : null) + "=" + reason;
  }

  private static String key(Quarantined item) {
    return item.id() + "=" + item.reason();
  }
}
