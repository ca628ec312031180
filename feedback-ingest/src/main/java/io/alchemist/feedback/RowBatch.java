package io.alchemist.feedback;

import io.delta.kernel.data.ArrayValue;
import io.delta.kernel.data.ColumnVector;
import io.delta.kernel.data.ColumnarBatch;
import io.delta.kernel.types.ArrayType;
import io.delta.kernel.types.DataType;
import io.delta.kernel.types.StructType;
import io.delta.kernel.types.TimestampType;
import java.lang.reflect.Array;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;
import org.jspecify.annotations.Nullable;

/**
 * Spark's rows as Delta Kernel reads a batch: column by column. Columns that somebody added to the table are null. Immutable as long as
 * its rows are.
 */
final class RowBatch implements ColumnarBatch {
  private final StructType schema;
  private final Table table;
  private final List<Row> rows;

  /**
   * A view.
   *
   * @param schema of the table as it is
   * @param table gives the order of the rows' columns
   */
  RowBatch(StructType schema, Table table, List<Row> rows) {
    this.schema = schema;
    this.table = table;
    this.rows = rows;
  }

  /**
   * Checks that no required value is missing.
   *
   * @throws IllegalArgumentException naming the column
   */
  static void check(Table table, List<Row> rows) {
    StructField[] fields = table.schema().fields();
    for (int column = 0; column < fields.length; column++) {
      for (Row row : rows) {
        if (!fields[column].nullable() && row.isNullAt(column)) {
          throw new IllegalArgumentException(
              "The column " + fields[column].name() + " of the table " + table.tableName()
                  + " is null in a row that is to be appended; it is required.");
        }
      }
    }
  }

  @Override
  public StructType getSchema() {
    return schema;
  }

  @Override
  public int getSize() {
    return rows.size();
  }

  @Override
  public ColumnVector getColumnVector(int ordinal) {
    int column = List.of(table.schema().fieldNames()).indexOf(schema.at(ordinal).getName());
    Object[] values =
        rows.stream().map(row -> column < 0 ? null : row.get(column)).toArray();
    return new Values(schema.at(ordinal).getDataType(), values);
  }

  /** A column's values, as rows have them. */
  private static final class Values implements ColumnVector {
    private final DataType type;
    private final @Nullable Object[] values;

    Values(DataType type, @Nullable Object[] values) {
      this.type = type;
      this.values = values;
    }

    @Override
    public DataType getDataType() {
      return type;
    }

    @Override
    public int getSize() {
      return values.length;
    }

    @Override
    public boolean isNullAt(int row) {
      return values[row] == null;
    }

    private Object value(int row) {
      return Objects.requireNonNull(values[row]);
    }

    @Override
    public int getInt(int row) {
      return (Integer) value(row);
    }

    /** Timestamps are microseconds since the epoch. */
    @Override
    public long getLong(int row) {
      Object value = value(row);
      return type instanceof TimestampType ? micros(value) : (Long) value;
    }

    private static long micros(Object value) {
      Instant instant = Rows.instant(value);
      // ChronoUnit.MICROS.between counts nanoseconds, of which a long holds 292 years only.
      long seconds = instant.getEpochSecond();
      long micros = instant.getNano() / 1_000;
      return seconds < 0
          ? Math.addExact(Math.multiplyExact(seconds + 1, 1_000_000L), micros - 1_000_000)
          : Math.addExact(Math.multiplyExact(seconds, 1_000_000L), micros);
    }

    @Override
    public float getFloat(int row) {
      return (Float) value(row);
    }

    @Override
    public double getDouble(int row) {
      return (Double) value(row);
    }

    @Override
    public String getString(int row) {
      return (String) value(row);
    }

    @Override
    public ArrayValue getArray(int row) {
      Object value = value(row);
      Object[] elements = value instanceof List<?> list
          ? list.toArray()
          : IntStream.range(0, Array.getLength(value))
              .mapToObj(i -> Array.get(value, i))
              .toArray();
      Values vector = new Values(((ArrayType) type).getElementType(), elements);
      return new ArrayValue() {
        @Override
        public int getSize() {
          return elements.length;
        }

        @Override
        public ColumnVector getElements() {
          return vector;
        }
      };
    }

    /** A field of structs. */
    @Override
    public ColumnVector getChild(int ordinal) {
      Object[] children = new Object[values.length];
      for (int i = 0; i < values.length; i++) {
        children[i] = values[i] == null ? null : ((Row) values[i]).get(ordinal);
      }
      return new Values(((StructType) type).at(ordinal).getDataType(), children);
    }

    @Override
    public void close() {}
  }
}
