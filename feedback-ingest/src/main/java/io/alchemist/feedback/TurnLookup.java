package io.alchemist.feedback;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Finds turns by their ids, in a table that may be huge. Ids are random, so that they say nothing of the file a turn is
 * in; the time when it ended does. So two narrow columns of the whole table are read first, and then whole rows of those
 * files only whose times are asked for.
 */
final class TurnLookup {
  /** More time ranges make a longer filter, fewer read more files. */
  private static final int MAX_RANGES = 16;

  private final Tables tables;

  TurnLookup(Tables tables) {
    this.tables = tables;
  }

  /** When the turns ended; those that the table does not have are missing. */
  Map<String, Instant> endedAt(Collection<String> turnIds) {
    Map<String, Instant> found = new HashMap<>();
    if (!turnIds.isEmpty()) {
      Dataset<Row> rows = tables
          .read(Table.TURNS)
          .select("turn_id", "ended_at")
          .join(tables.strings("turn_id", turnIds), "turn_id");
      for (Row row : rows.collectAsList()) {
        found.merge(row.getString(0), Rows.instant(row, 1), (a, b) -> a.isBefore(b) ? a : b);
      }
    }
    return found;
  }

  /** The turns that ended at these times, with all columns, and others between them. */
  Dataset<Row> around(Collection<Instant> times) {
    Column inTime = lit(false);
    for (TimeRange range : TimeRange.covering(times, MAX_RANGES)) {
      inTime = inTime.or(
          col("ended_at").between(Rows.timestamp(range.from()), Rows.timestamp(range.to())));
    }
    return tables.read(Table.TURNS).where(inTime);
  }
}
