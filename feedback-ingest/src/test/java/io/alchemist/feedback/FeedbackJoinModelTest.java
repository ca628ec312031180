package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.NaiveFeedback.Outcome;
import io.alchemist.feedback.RoundRecord.Quarantined;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random batches through the tables and through a model of a few lines. */
class FeedbackJoinModelTest {
  private static final FeedbackRules RULES = new FeedbackRules(8, 40, 2_500, 12);
  private static final int BATCHES = 4;
  private static final int ROWS = 60;

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void batchesAreSortedAsTheModelSays(long seed, @TempDir Path directory) {
    Random random = new Random(seed);
    Tables tables = TestSpark.tables(directory);
    RoundLog log = new RoundLog(tables);
    FeedbackJoin join = new FeedbackJoin(tables, log, RULES);
    NaiveFeedback model = new NaiveFeedback(RULES);
    Map<String, Boolean> turns = new TreeMap<>();
    List<Row> feedback = new ArrayList<>();
    long clock = Samples.NOON.toEpochMilli();

    for (int batchId = 0; batchId < BATCHES; batchId++) {
      addTurns(tables, turns, batchId, random);
      List<Row> rows = IntStream.range(0, ROWS)
          .mapToObj(i -> randomFeedback(random, Samples.NOON.plusMillis(feedback.size() + i)))
          .toList();
      tables.append(Table.FEEDBACK, rows, new Txn("test", batchId));
      feedback.addAll(rows);
      clock += 1_000;
      check(join, log, model, rows, "first", batchId, clock, turns);
    }
    // A fresh checkpoint: the whole table again, by another query.
    model.forgetWaiting();
    check(join, log, model, feedback, "second", 0, clock + 1_000, turns);
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
      assertThat(join.quarantineRows(batch, round).select("id", "reason").collectAsList())
          .extracting(row -> key(row.getString(0), row.getString(1)))
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

  private static void addTurns(
      Tables tables, Map<String, Boolean> turns, int batchId, Random random) {
    List<Row> added = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      String id = "t" + random.nextInt(20);
      boolean empty = random.nextInt(3) == 0;
      if (turns.putIfAbsent(id, empty) == null) {
        Instant endedAt = Samples.NOON.plusSeconds(random.nextInt(100_000));
        added.add(empty ? Samples.turn(id, endedAt) : Samples.turn(id, endedAt, 4, 5));
      }
    }
    tables.append(Table.TURNS, added, new Txn("test", batchId));
  }

  private static Row randomFeedback(Random random, Instant createdAt) {
    String id = oneOf(random, "f" + random.nextInt(80), 20, null, " ", "123456789");
    String turnId = oneOf(random, "t" + random.nextInt(25), 20, (String) null);
    String kind = oneOf(
        random,
        List.of("thumb", "score", "correction", "preference", "text").get(random.nextInt(5)),
        20,
        null,
        "Thumb");
    Double score = List.of(1.0, -1.0, 1.0, -1.0, 0.3, Double.NaN).get(random.nextInt(6));
    String text = oneOf(random, "right " + random.nextInt(9), 5, null, "\t ");
    return Samples.feedback(
        id, turnId, kind, random.nextInt(9) == 0 ? null : score, text, createdAt);
  }

  /** Mostly the first, one time in {@code odds} one of the others. */
  private static @Nullable String oneOf(
      Random random, String usual, int odds, @Nullable String... others) {
    return random.nextInt(odds) == 0 ? others[random.nextInt(others.length)] : usual;
  }
}
