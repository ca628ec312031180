package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TablesTest {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  private static Path shared;

  @SuppressWarnings("NullAway.Init")
  private static Tables tables;

  private final SparkSession spark = TestSpark.session();

  @BeforeAll
  static void create() {
    tables = TestSpark.tables(shared);
  }

  @Test
  void tablesCarryTheirCommentsAndProperties() {
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
    Tables young = new Tables(spark, directory.resolve("warehouse").toString());
    CompletableFuture<Void> other = CompletableFuture.runAsync(young::create);
    young.create();
    other.join();

    assertThat(young.read(Table.VERSIONS).schema().fieldNames())
        .isEqualTo(Table.VERSIONS.schema().fieldNames());
  }

  @Test
  void aTableWithOtherColumnsIsRefusedByName(@TempDir Path directory) {
    spark
        .range(1)
        .select(functions.lit(1).as("turn_id"), functions.lit("x").as("conversation_id"))
        .write()
        .format("delta")
        .save(directory.resolve("turns").toString());

    assertThatThrownBy(new Tables(spark, directory.toString())::create)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(directory + "/turns has other columns than turns needs: "
            + "turn_id is int, not string; user is missing; executor_id is missing;")
        .hasMessageEndingWith("Move it away, or choose another warehouse.");
  }

  @Test
  void anAppendIsDoneOnceAndMakesOneFile() {
    List<Row> rows =
        LongStream.range(0, 50).mapToObj(i -> Samples.turn("t" + i)).toList();
    tables.append(Table.TURNS, rows, new Txn("a", 5));
    tables.append(Table.TURNS, rows, new Txn("a", 5));
    tables.append(Table.TURNS, rows, new Txn("a", 4));
    tables.append(Table.TURNS, rows.subList(0, 20), new Txn("b", 1));
    assertThat(tables.read(Table.TURNS).count()).isEqualTo(70);
    assertThat(tables.read(Table.TURNS).inputFiles()).hasSize(2);

    // A null is refused by its column's name.
    Row turn = Samples.turn("t");
    Object[] values = IntStream.range(0, turn.size())
        .mapToObj(i -> i == 0 ? null : turn.get(i))
        .toArray();
    assertThatThrownBy(
            () -> tables.append(Table.TURNS, List.of(RowFactory.create(values)), new Txn("c", 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "The column turn_id of the table turns is null in a row that is to be appended; it is required.");
    assertThat(tables.read(Table.TURNS).count()).isEqualTo(70);
  }

  @Test
  void outsidersMayLeaveColumnsOutAndAddSome() {
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
  void smallFilesAreMadeIntoOneByAndBy(@TempDir Path directory) {
    Tables small = new Tables(spark, directory.toString(), 3);
    small.create();
    for (int i = 0; i < 3; i++) {
      small.append(Table.TURNS, List.of(Samples.turn("t" + i)), new Txn("a", i));
    }
    await()
        .atMost(Duration.ofMinutes(1))
        .until(() -> small.read(Table.TURNS).inputFiles().length == 1);
    assertThat(small.read(Table.TURNS).select("turn_id").as(Encoders.STRING()).collectAsList())
        .containsExactlyInAnyOrder("t0", "t1", "t2");
    // What was appended before is known after it, too.
    small.append(Table.TURNS, List.of(Samples.turn("again")), new Txn("a", 2));
    assertThat(small.read(Table.TURNS).count()).isEqualTo(3);
  }

  @Test
  void columnsThatAnEarlierVersionDidNotKnowAreAdded(@TempDir Path directory) {
    Tables old = new Tables(spark, directory.toString());
    StructType columns = new StructType(Stream.of(Table.ROUNDS.schema().fields())
        .filter(field -> !field.name().equals("accumulated"))
        .toArray(StructField[]::new));
    spark.sql("CREATE TABLE delta.`" + old.path(Table.ROUNDS) + "` (" + columns.toDDL()
        + ") USING delta TBLPROPERTIES ('delta.appendOnly' = 'true')");
    old.create();

    RoundRecord round = Samples.round("q", 0, 1, 1, List.of("a"), List.of(), List.of(), List.of());
    new RoundLog(old).append(round);
    assertThat(new RoundLog(old).find("q", 0)).contains(round);
  }

  @Test
  void logsCannotBeChangedAndAreReadAfterTheyWereCondensed() {
    for (int i = 0; i < 12; i++) {
      tables.append(
          Table.VERSIONS, List.of(VersionLogTest.live(i, null, i).toRow()), new Txn("a", i));
    }

    Path checkpoint = Path.of(tables.path(Table.VERSIONS), "_delta_log", "_last_checkpoint");
    await().atMost(Duration.ofMinutes(1)).until(() -> Files.exists(checkpoint));
    assertThat(tables.read(Table.VERSIONS).count()).isEqualTo(12);
    assertThatThrownBy(() -> spark.sql("DELETE FROM delta.`" + tables.path(Table.VERSIONS) + "`"))
        .hasMessageContaining("DELTA_CANNOT_MODIFY_APPEND_ONLY");
  }
}
