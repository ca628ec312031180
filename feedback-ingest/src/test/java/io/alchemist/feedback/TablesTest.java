package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.LongStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TablesTest {
  private final SparkSession spark = TestSpark.session();

  @Test
  void tablesCarryTheirCommentsAndProperties(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    tables.create();

    for (Table table : Table.values()) {
      StructField[] found =
          spark.read().format("delta").load(tables.path(table)).schema().fields();
      assertThat(found).as(table.tableName()).isEqualTo(table.schema().fields());
    }
    Row detail =
        spark.sql("DESCRIBE DETAIL delta.`" + tables.path(Table.ROUNDS) + "`").head();
    assertThat(detail.<String>getAs("description")).isEqualTo(Table.ROUNDS.comment());
    assertThat(detail.getJavaMap(detail.fieldIndex("properties")))
        .isEqualTo(Table.ROUNDS.properties());
  }

  @Test
  void twoMayCreateThemAtOnce(@TempDir Path directory) {
    Tables tables = new Tables(spark, directory.resolve("warehouse").toString());
    CompletableFuture<Void> other = CompletableFuture.runAsync(tables::create);
    tables.create();
    other.join();

    assertThat(tables.read(Table.VERSIONS).collectAsList()).isEmpty();
  }

  @Test
  void aTableWithOtherColumnsIsRefusedByName(@TempDir Path directory) {
    spark
        .range(1)
        .select(functions.lit(1).as("version"), functions.lit("x").as("status"))
        .write()
        .format("delta")
        .save(directory.resolve("versions").toString());

    assertThatThrownBy(new Tables(spark, directory.toString())::create)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(directory + "/versions has other columns than versions needs: "
            + "version is int, not bigint; parent is missing; path is missing;")
        .hasMessageEndingWith("Move it away, or choose another warehouse.");
  }

  @Test
  void anAppendIsDoneOnceAndMakesOneFile(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    List<Row> rows =
        LongStream.range(0, 50).mapToObj(i -> Samples.turn("t" + i)).toList();
    tables.append(Table.TURNS, rows, new Txn("a", 5));
    tables.append(Table.TURNS, rows, new Txn("a", 5));
    tables.append(Table.TURNS, rows, new Txn("a", 4));
    assertThat(tables.read(Table.TURNS).count()).isEqualTo(50);

    tables.append(Table.TURNS, tables.read(Table.TURNS).repartition(3).limit(20), new Txn("b", 1));
    assertThat(tables.read(Table.TURNS).count()).isEqualTo(70);
    assertThat(tables.read(Table.TURNS).inputFiles()).hasSize(2);
  }

  @Test
  void tablesAreReadAfterTheirLogWasCondensed(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    for (int i = 0; i < 12; i++) {
      tables.append(Table.FEEDBACK, List.of(Samples.thumb("f" + i, "t", 1.0)), new Txn("a", i));
    }

    assertThat(Path.of(tables.path(Table.FEEDBACK), "_delta_log", "_last_checkpoint"))
        .exists();
    assertThat(tables.read(Table.FEEDBACK).count()).isEqualTo(12);
  }

  @Test
  void outsidersMayLeaveColumnsOutAndAddSome(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    spark
        .sql("SELECT 'thumb' AS kind, 1.0D AS score, 'f1' AS id, 'phone' AS device")
        .write()
        .format("delta")
        .mode("append")
        .option("mergeSchema", "true")
        .save(tables.path(Table.FEEDBACK));
    tables.create();

    Row row = tables.read(Table.FEEDBACK).head();
    assertThat(row.schema().fieldNames()).isEqualTo(Table.FEEDBACK.schema().fieldNames());
    assertThat(row.<String>getAs("id")).isEqualTo("f1");
    assertThat(row.<String>getAs("turn_id")).isNull();
  }

  @Test
  void logsCannotBeChanged(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    tables.append(
        Table.VERSIONS, List.of(VersionLogTest.live(0, null, 0).toRow()), new Txn("a", 0));

    assertThatThrownBy(() -> spark.sql("DELETE FROM delta.`" + tables.path(Table.VERSIONS) + "`"))
        .hasMessageContaining("DELTA_CANNOT_MODIFY_APPEND_ONLY");
  }

  @Test
  void ownTablesRefuseMissingValues(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    Row turn = Samples.turn("t");
    Object[] values = new Object[turn.size()];
    for (int i = 1; i < values.length; i++) {
      values[i] = turn.get(i);
    }

    assertThatThrownBy(
            () -> tables.append(Table.TURNS, List.of(RowFactory.create(values)), new Txn("a", 0)))
        .hasStackTraceContaining("NOT NULL constraint violated for column: turn_id");
    assertThat(tables.read(Table.TURNS).count()).isZero();
  }
}
