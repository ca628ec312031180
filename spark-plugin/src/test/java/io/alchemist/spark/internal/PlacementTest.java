package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.spark.internal.Placement.Site;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apache.spark.Partition;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.ExecutorCacheTaskLocation;
import org.apache.spark.scheduler.TaskLocation;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import scala.jdk.javaapi.CollectionConverters;

class PlacementTest {
  private static final StructType SCHEMA =
      new StructType().add("turn_id", "string").add("executor_id", "string");

  private final SparkSession spark = TestSpark.session();
  private final Placement placement = new Placement(
      List.of(new Site("node-a", "7"), new Site("node-b", "12"), new Site("node-a", "3")));

  private Dataset<Row> rows(int count, List<@Nullable String> executors) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      rows.add(RowFactory.create("turn-" + i, executors.get(i % executors.size())));
    }
    return spark.createDataFrame(rows, SCHEMA).repartition(3);
  }

  /** The turns in each partition. */
  private static List<List<String>> turns(JavaRDD<InternalRow> placed) {
    return placed.map(row -> row.getString(0)).glom().collect();
  }

  @Test
  void everyRowLandsInThePartitionOfItsExecutor() {
    List<String> executors = List.of("3", "7", "12");
    JavaRDD<InternalRow> placed = placement.place(rows(60, executors), "executor_id", "turn_id");
    List<List<String>> found = placed.map(row -> row.getString(1)).glom().collect().stream()
        .map(List::copyOf)
        .toList();
    assertThat(found).hasSize(3);
    assertThat(found.get(0)).hasSize(20).containsOnly("7");
    assertThat(found.get(1)).hasSize(20).containsOnly("12");
    assertThat(found.get(2)).hasSize(20).containsOnly("3");
  }

  @Test
  void rowsArriveWholeAndOnce() {
    JavaRDD<InternalRow> placed =
        placement.place(rows(100, List.of("3", "7", "gone")), "executor_id", "turn_id");
    List<String> expected =
        IntStream.range(0, 100).mapToObj(i -> "turn-" + i).sorted().toList();
    assertThat(turns(placed).stream().flatMap(List::stream).sorted()).isEqualTo(expected);
    assertThat(turns(placed).stream().flatMap(List::stream).sorted())
        .as("a second job over the same rows")
        .isEqualTo(expected);
  }

  @Test
  void rowsOfUnknownExecutorsAreSpread() {
    List<@Nullable String> executors = new ArrayList<>();
    executors.add("gone");
    executors.add(null);
    List<List<String>> found =
        turns(placement.place(rows(90, executors), "executor_id", "turn_id"));
    assertThat(found).allSatisfy(part -> assertThat(part).hasSizeBetween(15, 45));
    assertThat(turns(placement.place(rows(90, executors), "executor_id", "turn_id")).stream()
            .map(TreeSet::new))
        .as("a row goes to the same place every time")
        .isEqualTo(found.stream().map(TreeSet::new).toList());
  }

  @Test
  void preferredLocationsAreAsSparkReadsThem() {
    JavaRDD<InternalRow> placed = placement.place(rows(3, List.of("3")), "executor_id", "turn_id");
    Map<Integer, String> locations = new HashMap<>();
    for (Partition partition : placed.rdd().partitions()) {
      List<String> preferred =
          CollectionConverters.asJava(placed.rdd().preferredLocations(partition));
      assertThat(preferred).hasSize(1);
      TaskLocation parsed = TaskLocation.apply(preferred.get(0));
      assertThat(parsed).isInstanceOf(ExecutorCacheTaskLocation.class);
      locations.put(
          partition.index(),
          ((ExecutorCacheTaskLocation) parsed).executorId() + " on " + parsed.host());
    }
    assertThat(locations).isEqualTo(Map.of(0, "7 on node-a", 1, "12 on node-b", 2, "3 on node-a"));
  }

  @Test
  void placesStayWithWhatIsMadeOfThem() {
    JavaRDD<String> mapped = placement
        .place(rows(3, List.of("3")), "executor_id", "turn_id")
        .map(row -> row.getString(0))
        .filter(id -> !id.isEmpty());
    // By the scheduler's eyes: it follows narrow dependencies down to the placed RDD.
    assertThat(CollectionConverters.asJava(spark.sparkContext().getPreferredLocs(mapped.rdd(), 1)))
        .extracting(TaskLocation::toString)
        .containsExactly("executor_node-b_12");
  }

  @Test
  void elementsAreSpreadEvenly() {
    List<Integer> numbers = IntStream.range(0, 10).boxed().toList();
    JavaRDD<Packed<Integer>> spread =
        placement.spread(new JavaSparkContext(spark.sparkContext()), numbers);
    List<List<Integer>> found = spread.map(Packed::value).glom().collect();
    assertThat(found).hasSize(3).allSatisfy(part -> assertThat(part).hasSizeBetween(3, 4));
    assertThat(found.stream().flatMap(List::stream)).isEqualTo(numbers);
  }

  @Test
  void fewElementsLeavePartitionsEmpty() {
    JavaRDD<Packed<Integer>> spread =
        placement.spread(new JavaSparkContext(spark.sparkContext()), List.of(1));
    assertThat(spread.getNumPartitions()).isEqualTo(3);
    assertThat(spread.count()).isEqualTo(1);
  }

  @Test
  void withoutExecutorsThereIsNoPlace() {
    assertThatThrownBy(() -> new Placement(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("There is no executor to place rows on.");
  }
}
