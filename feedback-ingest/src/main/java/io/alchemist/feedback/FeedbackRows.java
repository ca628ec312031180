package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.xxhash64;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.TimestampType;

import io.alchemist.feedback.FeedbackRules.Fault;
import io.alchemist.feedback.FeedbackRules.Kind;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF7;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;

/**
 * The rows that a batch is about: its own and those that wait. To the columns of {@link Table#FEEDBACK} come
 * {@code since} (null for the batch's own), {@code fingerprint}, and {@code judged}: the {@code key} by which a row is
 * remembered, and {@code reason} and {@code detail} of what is wrong with it by itself.
 */
final class FeedbackRows {
  private static final StructType JUDGED =
      new StructType().add("key", StringType).add("reason", StringType).add("detail", StringType);

  private FeedbackRows() {}

  /** The batch's rows, and those of {@code waiting} that are still in the table. */
  static Dataset<Row> of(
      Dataset<Row> batch, List<Waiting> waiting, Tables tables, FeedbackRules rules) {
    Dataset<Row> rows = batch.select(Table.FEEDBACK.columns(
        fingerprint().as("fingerprint"), lit(null).cast(TimestampType).as("since")));
    if (!waiting.isEmpty()) {
      rows = rows.union(waiting(waiting, tables));
    }
    Column judged = judge(rules)
        .apply(
            col("id"),
            col("turn_id"),
            col("kind"),
            col("score"),
            col("text"),
            col("rejected"),
            col("user"));
    return rows.select(
        Table.FEEDBACK.columns(col("fingerprint"), col("since"), judged.as("judged")));
  }

  /** Collects everything but texts. */
  static List<JudgedRow> collect(Dataset<Row> rows) {
    return rows
        .select(
            col("judged.key"),
            col("judged.reason"),
            col("judged.detail"),
            functions.when(col("judged.reason").isNull(), col("turn_id")).as("turn_id"),
            functions.when(col("judged.reason").isNull(), col("kind")).as("kind"),
            col("score"),
            col("created_at"),
            col("fingerprint"),
            col("since"))
        .collectAsList()
        .stream()
        .map(FeedbackRows::judgedRow)
        .toList();
  }

  /** {@link JudgedRow#ORDER} in SQL. */
  static Column[] order() {
    return new Column[] {
      col("since").asc_nulls_last(),
      col("created_at").asc_nulls_last(),
      col("fingerprint").asc()
    };
  }

  private static JudgedRow judgedRow(Row row) {
    String reason = row.getString(1);
    return new JudgedRow(
        row.getString(0),
        row.getString(3),
        Kind.named(row.getString(4)),
        row.isNullAt(5) ? null : row.getDouble(5),
        reason == null ? null : new Fault(Reason.valueOf(reason), row.getString(2)),
        row.isNullAt(6) ? null : Rows.instant(row, 6),
        row.getLong(7),
        row.isNullAt(8) ? null : Rows.instant(row, 8));
  }

  private static Dataset<Row> waiting(List<Waiting> waiting, Tables tables) {
    List<Row> wanted = waiting.stream().map(Waiting::toRow).toList();
    Dataset<Row> since = tables.spark().createDataFrame(wanted, Waiting.SCHEMA);
    // By the fingerprint too: a row with the same id that came later must not take the place of the
    // one that waits.
    return tables
        .read(Table.FEEDBACK)
        .withColumn("fingerprint", fingerprint())
        .join(broadcast(since), new String[] {"id", "fingerprint"})
        .dropDuplicates(new String[] {"id"})
        .select(Table.FEEDBACK.columns(col("fingerprint"), col("since")));
  }

  private static Column fingerprint() {
    return xxhash64(Table.FEEDBACK.columns());
  }

  private static UserDefinedFunction judge(FeedbackRules rules) {
    UDF7<String, String, String, Double, String, String, String, Row> judge =
        (id, turnId, kind, score, text, rejected, user) -> {
          Fault fault = rules.judge(id, turnId, kind, score, text, rejected, user);
          return RowFactory.create(
              rules.usableId(id) ? id : null,
              fault == null ? null : fault.reason().name(),
              fault == null ? null : fault.detail());
        };
    return udf(judge, JUDGED);
  }
}
