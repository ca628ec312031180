package io.alchemist.spark.rounds;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.xxhash64;

import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/** Which feedback is kept out of training for the gate: all of some conversations, by a hash of their key. */
final class HeldOut {
  private static final long PARTS = 10_000;

  private final double fraction;

  HeldOut(double fraction) {
    this.fraction = fraction;
  }

  /** Whether any is. */
  boolean isNone() {
    return fraction == 0;
  }

  /** True for rows that are held out. */
  Column condition() {
    return pmod(xxhash64(col("conversation_id")), lit(PARTS)).lt(lit(Math.round(fraction * PARTS)));
  }

  /** The newest that earlier rounds have held out, oldest first. */
  static List<Row> earlier(Tables tables, RoundLog rounds, int most) {
    List<String> ids = rounds.newestHeldOut(most);
    if (ids.isEmpty()) {
      return List.of();
    }
    Dataset<Row> feedback = tables
        .read(Table.FEEDBACK)
        .where(col("id").isin(ids.toArray()))
        .dropDuplicates("id")
        .select(
            col("turn_id"),
            functions.when(col("kind").equalTo("correction"), col("text")).as("target"),
            col("created_at"));
    return tables
        .read(Table.TURNS)
        .join(functions.broadcast(feedback), "turn_id")
        .orderBy("created_at")
        .select("prompt", "completion", "target")
        .collectAsList();
  }

  /** The example in a row with the columns prompt, completion and target. */
  static GateExample example(Row row) {
    String target = row.getAs("target");
    return new GateExample(
        null,
        ints(row.getList(row.fieldIndex("prompt"))),
        target,
        target == null ? ints(row.getList(row.fieldIndex("completion"))) : null);
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(Integer::intValue).toArray();
  }
}
