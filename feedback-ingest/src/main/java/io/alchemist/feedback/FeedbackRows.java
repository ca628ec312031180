package io.alchemist.feedback;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;
import static org.apache.spark.sql.types.DataTypes.StringType;

import io.alchemist.feedback.FeedbackRules.Fault;
import io.alchemist.feedback.FeedbackRules.Kind;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF7;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Brings rows of feedback to the driver, judged by the executors that read them. What is longer than the rules allow is cut
 * there; so a batch takes no more memory than the limit on its files and the rules allow.
 */
final class FeedbackRows {
  private static final StructType JUDGED =
      new StructType().add("key", StringType).add("reason", StringType).add("detail", StringType);

  /** Longer than any kind there is. */
  private static final int KIND_CHARS = 64;

  private static final StructType FEEDBACK = Table.FEEDBACK.schema();

  private final Tables tables;
  private final FeedbackRules rules;

  FeedbackRows(Tables tables, FeedbackRules rules) {
    this.tables = tables;
    this.rules = rules;
  }

  /** A batch's own rows. One Spark job. */
  List<JudgedRow> read(Dataset<Row> batch) {
    return judged(batch.withColumn("fingerprint", fingerprint()));
  }

  /** Of rows that wait, those that are still in the table {@code feedback}. Reads the whole of it. */
  List<JudgedRow> read(List<Waiting> waiting) {
    if (waiting.isEmpty()) {
      return List.of();
    }
    // By the fingerprint too: a row with the same id that came later must not take the place of the
    // one that waits.
    Dataset<Row> wanted = tables
        .spark()
        .createDataFrame(waiting.stream().map(Waiting::toRow).toList(), Waiting.SCHEMA)
        .select("id", "fingerprint");
    Map<String, JudgedRow> found = new HashMap<>();
    for (JudgedRow row : judged(tables
        .read(Table.FEEDBACK)
        .withColumn("fingerprint", fingerprint())
        .join(org.apache.spark.sql.functions.broadcast(wanted), new String[] {"id", "fingerprint"
        }))) {
      found.put(Objects.requireNonNull(row.id()), row); // written twice, it is the same
    }
    return waiting.stream()
        .flatMap(item -> Stream.ofNullable(found.get(item.id())).map(r -> r.waiting(item.since())))
        .toList();
  }

  /** Rows with these ids, in the table {@code feedback}; one of each, the first. Reads the whole of it. */
  List<JudgedRow> readById(Collection<String> ids) {
    Map<String, JudgedRow> first = new LinkedHashMap<>();
    judged(tables
            .read(Table.FEEDBACK)
            .withColumn("fingerprint", fingerprint())
            .join(tables.strings("id", ids), "id"))
        .stream()
        .sorted(JudgedRow.ORDER)
        .forEach(row -> first.putIfAbsent(Objects.requireNonNull(row.id()), row));
    return List.copyOf(first.values());
  }

  private List<JudgedRow> judged(Dataset<Row> rows) {
    Column judged = judge()
        .apply(
            col("id"),
            col("turn_id"),
            col("kind"),
            col("score"),
            col("text"),
            col("rejected"),
            col("user"));
    Column[] cut = Stream.of(FEEDBACK.fields()).map(this::cut).toArray(Column[]::new);
    return rows
        .select(Stream.concat(Stream.of(cut), Stream.of(col("fingerprint"), judged.as("judged")))
            .toArray(Column[]::new))
        .collectAsList()
        .stream()
        .map(FeedbackRows::judgedRow)
        .toList();
  }

  /** A column no longer than the rules allow. */
  private Column cut(StructField field) {
    Column column = col(field.name());
    if (!field.dataType().equals(StringType)) {
      return column;
    }
    int most =
        switch (field.name()) {
          case "text", "rejected" -> rules.maxTextChars();
          case "kind" -> KIND_CHARS;
          default -> rules.maxIdChars();
        };
    return when(length(column).gt(most), concat(substring(column, 1, most), lit("...")))
        .otherwise(column)
        .as(field.name());
  }

  private static JudgedRow judgedRow(Row row) {
    int width = FEEDBACK.size();
    Row feedback =
        RowFactory.create(IntStream.range(0, width).mapToObj(row::get).toArray());
    Row judged = row.getStruct(width + 1);
    String reason = judged.getString(1);
    int score = FEEDBACK.fieldIndex("score");
    int createdAt = FEEDBACK.fieldIndex("created_at");
    return new JudgedRow(
        judged.getString(0),
        reason == null ? feedback.getString(FEEDBACK.fieldIndex("turn_id")) : null,
        reason == null ? Kind.named(feedback.getString(FEEDBACK.fieldIndex("kind"))) : null,
        feedback.isNullAt(score) ? null : feedback.getDouble(score),
        reason == null ? null : new Fault(Reason.valueOf(reason), judged.getString(2)),
        feedback.isNullAt(createdAt) ? null : Rows.instant(feedback, createdAt),
        row.getLong(width),
        null,
        feedback);
  }

  private static Column fingerprint() {
    return xxhash64(Table.FEEDBACK.columns());
  }

  private UserDefinedFunction judge() {
    FeedbackRules law = rules; // goes to the executors, this object does not
    UDF7<String, String, String, Double, String, String, String, Row> judge =
        (id, turnId, kind, score, text, rejected, user) -> {
          Fault fault = law.judge(id, turnId, kind, score, text, rejected, user);
          return RowFactory.create(
              law.usableId(id) ? id : null,
              fault == null ? null : fault.reason().name(),
              fault == null ? null : fault.detail());
        };
    return udf(judge, JUDGED);
  }
}
