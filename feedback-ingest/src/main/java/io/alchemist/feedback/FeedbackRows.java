package io.alchemist.feedback;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;
import static org.apache.spark.sql.types.DataTypes.LongType;
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
import org.apache.spark.sql.types.StructType;

/**
 * Brings rows of feedback to the driver, judged by the executors that read them. Texts come only where they are trained, or the
 * row is faulty and goes to quarantine; what is longer than the rules allow, or than quarantine keeps, is cut there.
 */
final class FeedbackRows {
  private static final StructType JUDGED =
      new StructType().add("key", StringType).add("reason", StringType).add("detail", StringType);

  /** Longer than any kind there is. */
  private static final int KIND_CHARS = 64;

  private static final StructType FEEDBACK = Table.FEEDBACK.schema();
  private static final StructType NAMES =
      new StructType().add("id", StringType).add("fingerprint", LongType);

  private final Tables tables;
  private final FeedbackRules rules;

  FeedbackRows(Tables tables, FeedbackRules rules) {
    this.tables = tables;
    this.rules = rules;
  }

  /** A batch's own rows. One Spark job. */
  List<JudgedRow> read(Dataset<Row> batch) {
    return judged(batch.withColumn("fingerprint", fingerprint()), false);
  }

  /** Of rows that wait, those that are still in the table {@code feedback}. Reads the whole of it. */
  List<JudgedRow> read(List<Waiting> waiting) {
    if (waiting.isEmpty()) {
      return List.of();
    }
    // By the fingerprint too: a row with the same id that came later must not take the place of the
    // one that waits.
    List<Row> names = waiting.stream()
        .map(item -> RowFactory.create(item.id(), item.fingerprint()))
        .toList();
    Map<String, JudgedRow> found = new HashMap<>();
    for (JudgedRow row : judged(named(tables.read(Table.FEEDBACK), names), false)) {
      found.put(Objects.requireNonNull(row.id()), row); // written twice, it is the same
    }
    return waiting.stream()
        .flatMap(item -> Stream.ofNullable(found.get(item.id())).map(r -> r.waiting(item.since())))
        .toList();
  }

  /** The same rows with their texts, by fingerprint; of the batch, and of the table {@code feedback} where they have waited. */
  Map<Long, Row> readWhole(Dataset<Row> batch, List<JudgedRow> rows) {
    List<Row> names =
        rows.stream().map(row -> RowFactory.create(row.id(), row.fingerprint())).toList();
    Dataset<Row> from = rows.stream().anyMatch(row -> row.since() != null)
        ? batch.union(tables.read(Table.FEEDBACK))
        : batch;
    Map<Long, Row> whole = new HashMap<>();
    judged(named(from, names), true).forEach(row -> whole.put(row.fingerprint(), row.row()));
    return whole;
  }

  /** Rows with these ids that train something, in the table {@code feedback}; one of each, the first. Reads the whole of it. */
  List<JudgedRow> readTrainable(Collection<String> ids) {
    Map<String, JudgedRow> first = new LinkedHashMap<>();
    judged(
            tables
                .read(Table.FEEDBACK)
                .withColumn("fingerprint", fingerprint())
                .join(tables.strings("id", ids), "id"),
            false)
        .stream()
        .filter(row -> row.fault() == null && row.trains())
        .sorted(JudgedRow.ORDER)
        .forEach(row -> first.putIfAbsent(Objects.requireNonNull(row.id()), row));
    return List.copyOf(first.values());
  }

  private Dataset<Row> named(Dataset<Row> rows, List<Row> names) {
    return rows.withColumn("fingerprint", fingerprint())
        .join(
            broadcast(tables.spark().createDataFrame(names, NAMES)),
            new String[] {"id", "fingerprint"});
  }

  /**
   * Judges rows.
   *
   * @param texts whether they come with all texts, cut to what quarantine keeps
   */
  private List<JudgedRow> judged(Dataset<Row> rows, boolean texts) {
    Column judged = judge()
        .apply(
            col("id"),
            col("turn_id"),
            col("kind"),
            col("score"),
            col("text"),
            col("rejected"),
            col("user"));
    Column faulty = judged.getField("reason").isNotNull();
    Column trained = col("kind").equalTo(Kind.CORRECTION.label());
    Column whole = texts
        ? lit(true)
        : faulty.or(coalesce(trained, lit(false))
            .or(col("text").isNull())
            .and(col("rejected").isNull()));
    Column text = cut("text", QuarantineRows.TEXT_CHARS);
    Column rejected = cut("rejected", QuarantineRows.TEXT_CHARS);
    return rows
        .select(
            cut("id", rules.maxIdChars()),
            cut("turn_id", rules.maxIdChars()),
            cut("kind", KIND_CHARS),
            col("score"),
            (texts ? text : when(faulty, text).when(trained, col("text"))).as("text"),
            (texts ? rejected : when(faulty, rejected)).as("rejected"),
            cut("user", rules.maxIdChars()),
            col("created_at"),
            col("fingerprint"),
            judged.as("judged"),
            whole.as("whole"))
        .collectAsList()
        .stream()
        .map(FeedbackRows::judgedRow)
        .toList();
  }

  /** A column no longer than so many characters. */
  private static Column cut(String name, int most) {
    Column column = col(name);
    return when(
            length(column).gt(most), concat(substring(column, 1, most), lit(QuarantineRows.CUT)))
        .otherwise(column)
        .as(name);
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
        feedback,
        row.getBoolean(width + 2));
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
