package io.alchemist.feedback;

import io.alchemist.feedback.RoundRecord.Gate;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.time.Instant;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;

/** Rows for tests. */
final class Samples {
  static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");

  private Samples() {}

  /** A turn that ended at noon, with a prompt and an answer of a few tokens. */
  static Row turn(String id) {
    return turn(id, NOON, 4, 5);
  }

  static Row turn(String id, Instant endedAt, int... completion) {
    return RowFactory.create(
        id,
        "conversation of " + id,
        null,
        "executor 1",
        7L,
        new int[] {1, 2, 3},
        completion,
        new float[completion.length],
        "How?",
        "So.",
        2,
        "stop",
        Rows.timestamp(endedAt));
  }

  static Row correction(@Nullable String id, @Nullable String turnId, @Nullable String text) {
    return feedback(id, turnId, "correction", null, text);
  }

  static Row thumb(@Nullable String id, @Nullable String turnId, @Nullable Double score) {
    return feedback(id, turnId, "thumb", score, null);
  }

  static Row feedback(
      @Nullable String id,
      @Nullable String turnId,
      @Nullable String kind,
      @Nullable Double score,
      @Nullable String text) {
    return feedback(id, turnId, kind, score, text, NOON);
  }

  static Row feedback(
      @Nullable String id,
      @Nullable String turnId,
      @Nullable String kind,
      @Nullable Double score,
      @Nullable String text,
      @Nullable Instant createdAt) {
    return RowFactory.create(
        id,
        turnId,
        kind,
        score,
        text,
        null,
        "somebody",
        createdAt == null ? null : Rows.timestamp(createdAt));
  }

  static Dataset<Row> batch(Row... rows) {
    return batch(List.of(rows));
  }

  static Dataset<Row> batch(List<Row> rows) {
    return TestSpark.session().createDataFrame(rows, Table.FEEDBACK.schema());
  }

  /** The outcome of a batch that was sorted so. */
  static RoundRecord round(String queryId, long batchId, long round, SortedBatch sorted) {
    return round(
        queryId,
        batchId,
        round,
        sorted.received(),
        sorted.trainableIds(),
        sorted.counted(),
        sorted.quarantined(),
        sorted.waiting());
  }

  static RoundRecord round(
      String queryId,
      long batchId,
      long round,
      long received,
      List<String> trained,
      List<String> counted,
      List<Quarantined> quarantined,
      List<Waiting> waiting) {
    boolean trains = !trained.isEmpty();
    return new RoundRecord(
        queryId,
        batchId,
        round,
        3,
        trains ? 4L : null,
        trains ? 4L : null,
        trained,
        counted,
        List.of(),
        quarantined,
        waiting,
        received,
        trained.size(),
        0,
        trains ? 1 : 0,
        10,
        20,
        30,
        trains ? 1.5 : null,
        trains ? 0.25 : null,
        trains ? Gate.SKIPPED : Gate.NOTHING,
        null,
        null,
        1,
        0.5,
        NOON.plusNanos(123_456_789));
  }
}
