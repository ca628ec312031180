package io.alchemist.feedback;

import java.sql.Timestamp;
import java.time.Instant;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/** Values in and out of rows. */
final class Rows {
  private Rows() {}

  static Timestamp timestamp(Instant instant) {
    return Timestamp.from(instant);
  }

  /** Sessions hand out timestamps as either class, by their setting spark.sql.datetime.java8API.enabled. */
  static Instant instant(Row row, int index) {
    return instant(row.get(index));
  }

  /** Likewise, of a value out of a row. */
  static Instant instant(Object value) {
    return value instanceof Timestamp timestamp ? timestamp.toInstant() : (Instant) value;
  }

  static @Nullable Long longOrNull(Row row, String column) {
    int index = row.fieldIndex(column);
    return row.isNullAt(index) ? null : row.getLong(index);
  }

  static int intOrZero(Row row, String column) {
    int index = row.fieldIndex(column);
    return row.isNullAt(index) ? 0 : row.getInt(index);
  }

  static @Nullable Double doubleOrNull(Row row, String column) {
    int index = row.fieldIndex(column);
    return row.isNullAt(index) ? null : row.getDouble(index);
  }

  static @Nullable String stringOrNull(Row row, String column) {
    return row.getString(row.fieldIndex(column));
  }
}
