package io.alchemist.feedback;

import io.alchemist.feedback.FeedbackRules.Fault;
import io.alchemist.feedback.FeedbackRules.Kind;
import java.time.Instant;
import java.util.Comparator;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;

/**
 * A row of feedback, and what is wrong with it by itself.
 *
 * @param id null where the row has none that can be kept
 * @param turnId null where {@code fault} is not
 * @param kind null where {@code fault} is not
 * @param fault what is wrong with the row by itself, or null
 * @param createdAt null where the row says nothing
 * @param fingerprint hash of the whole row
 * @param since since when it waits; null for a new row
 * @param row the columns of {@link Table#FEEDBACK}; what is over the limit is cut, and texts are there only where they are
 *     trained or the row is faulty
 * @param whole whether the row is as it is in the table, but for what is cut
 */
record JudgedRow(
    @Nullable String id,
    @Nullable String turnId,
    @Nullable Kind kind,
    @Nullable Double score,
    @Nullable Fault fault,
    @Nullable Instant createdAt,
    long fingerprint,
    @Nullable Instant since,
    Row row,
    boolean whole) {

  private static final int REJECTED = Table.FEEDBACK.schema().fieldIndex("rejected");
  private static final int TEXT = Table.FEEDBACK.schema().fieldIndex("text");

  /** Of several rows with one id the first counts. Rows that this cannot tell apart are the same. */
  static final Comparator<JudgedRow> ORDER = Comparator.comparing(
          JudgedRow::since, Comparator.nullsLast(Comparator.<Instant>naturalOrder()))
      .thenComparing(JudgedRow::createdAt, Comparator.nullsLast(Comparator.<Instant>naturalOrder()))
      .thenComparingLong(JudgedRow::fingerprint);

  /** Whether there is something to train: a correction, or an answer that was liked. */
  boolean trains() {
    return kind == Kind.CORRECTION || (kind == Kind.THUMB && score != null && score == 1);
  }

  /** What is trained instead of the served answer; null for the answer itself. */
  @Nullable
  String target() {
    return kind == Kind.CORRECTION ? row.getString(TEXT) : null;
  }

  /** The same row without its texts. */
  JudgedRow brief() {
    Object[] values = new Object[row.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = i == TEXT || i == REJECTED ? null : row.get(i);
    }
    return new JudgedRow(
        id,
        turnId,
        kind,
        score,
        fault,
        createdAt,
        fingerprint,
        since,
        RowFactory.create(values),
        false);
  }

  /** The same row, waiting. */
  JudgedRow waiting(Instant from) {
    return new JudgedRow(id, turnId, kind, score, fault, createdAt, fingerprint, from, row, whole);
  }
}
