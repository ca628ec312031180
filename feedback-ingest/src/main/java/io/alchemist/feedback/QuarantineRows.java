package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.when;

import io.alchemist.feedback.RoundRecord.Quarantined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * Finds the whole rows that a round did not use. The round names them by id and reason. Of rows with one id, those that
 * were duplicates are the last ones, and any other reason is the first one's. A row without an id that can be kept is
 * judged again, by itself.
 */
final class QuarantineRows {
  private static final StructType VERDICTS = new StructType()
      .add("verdict_key", DataTypes.StringType)
      .add("first_reason", DataTypes.StringType)
      .add("first_detail", DataTypes.StringType)
      .add("duplicates", DataTypes.LongType)
      .add("duplicate_detail", DataTypes.StringType);

  private QuarantineRows() {}

  /** Of {@code rows}, as {@link FeedbackRows} has them, those that {@code round} did not use. */
  static Dataset<Row> of(Dataset<Row> rows, RoundRecord round, SparkSession spark) {
    Dataset<Row> verdicts = spark.createDataFrame(verdicts(round.quarantined()), VERDICTS);
    Column key = col("judged.key");
    WindowSpec sameId = Window.partitionBy(key);
    Column place = row_number().over(sameId.orderBy(FeedbackRows.order()));
    Column duplicate = place.gt(count(lit(1)).over(sameId).minus(col("duplicates")));
    Column first = place.equalTo(1);
    // Each step is planned anew as a whole, so they are few.
    return rows.join(broadcast(verdicts), key.equalTo(col("verdict_key")), "left")
        .where(key.isNull().or(col("verdict_key").isNotNull()))
        .select(Table.FEEDBACK.columns(
            when(key.isNull(), col("judged.reason"))
                .when(duplicate, Reason.DUPLICATE_ID.name())
                .when(first, col("first_reason"))
                .as("reason"),
            when(key.isNull(), col("judged.detail"))
                .when(duplicate, col("duplicate_detail"))
                .when(first, col("first_detail"))
                .as("detail"),
            lit(round.queryId()).as("query_id"),
            lit(round.batchId()).as("batch_id"),
            lit(Rows.timestamp(round.finishedAt())).as("quarantined_at")))
        .where(col("reason").isNotNull());
  }

  private static List<Row> verdicts(List<Quarantined> quarantined) {
    Map<String, Verdict> byId = new LinkedHashMap<>();
    for (Quarantined item : quarantined) {
      if (item.id() != null) {
        byId.computeIfAbsent(item.id(), id -> new Verdict()).add(item);
      }
    }
    List<Row> rows = new ArrayList<>();
    byId.forEach((id, verdict) -> rows.add(verdict.toRow(id)));
    return rows;
  }

  /** What became of the rows with one id. */
  private static final class Verdict {
    private @Nullable Quarantined first;
    private @Nullable Quarantined duplicate;
    private long duplicates;

    void add(Quarantined item) {
      if (item.reason() == Reason.DUPLICATE_ID) {
        duplicate = item;
        duplicates++;
      } else {
        first = item;
      }
    }

    Row toRow(String id) {
      return RowFactory.create(
          id,
          first == null ? null : first.reason().name(),
          first == null ? null : first.detail(),
          duplicates,
          duplicate == null ? null : duplicate.detail());
    }
  }
}
