package io.alchemist.spark.internal;

import io.alchemist.spark.fleet.Packed;
import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Tuple2;

/**
 * Brings rows to the executors that they name: one partition for each executor. Rows of an executor that is not there any more
 * are spread over the others.
 */
public final class Placement implements Serializable {
  private static final long serialVersionUID = 1L;

  private final List<String> locations;
  private final Map<String, Integer> slots = new HashMap<>();

  /** An executor and the host that Spark knows it by. */
  public record Site(String host, String executorId) {}

  /** On these executors, at least one. */
  public Placement(List<Site> sites) {
    if (sites.isEmpty()) {
      throw new IllegalArgumentException("There is no executor to place rows on.");
    }
    this.locations = sites.stream()
        .map(site -> PlacedRdd.location(site.host(), site.executorId()))
        .toList();
    for (int i = 0; i < sites.size(); i++) {
      slots.put(sites.get(i).executorId(), i);
    }
  }

  /** How many partitions there are. */
  public int size() {
    return locations.size();
  }

  /**
   * The rows, each on the executor that one of its columns names.
   *
   * @param executorColumn a string column
   * @param otherwise a string column by whose hash rows of unknown executors are spread
   */
  public JavaRDD<InternalRow> place(Dataset<Row> rows, String executorColumn, String otherwise) {
    int executor = rows.schema().fieldIndex(executorColumn);
    int spread = rows.schema().fieldIndex(otherwise);
    RDD<InternalRow> internal =
        ((org.apache.spark.sql.classic.Dataset<Row>) rows).queryExecution().toRdd();
    Placement here = this;
    JavaRDD<InternalRow> placed = internal
        .toJavaRDD()
        // Spark uses one row object over and over.
        .mapToPair(row -> new Tuple2<>(here.slot(row, executor, spread), row.copy()))
        .partitionBy(new Slots(size()))
        .values();
    return placed(placed);
  }

  /** Elements spread evenly. */
  public <T extends Serializable> JavaRDD<Packed<T>> spread(
      JavaSparkContext context, List<T> elements) {
    return placed(context.parallelize(elements.stream().map(Packed::new).toList(), size()));
  }

  private <T> JavaRDD<T> placed(JavaRDD<T> rdd) {
    return new PlacedRdd<>(rdd.rdd(), locations, rdd.classTag()).toJavaRDD();
  }

  private int slot(InternalRow row, int executor, int spread) {
    UTF8String id = row.getUTF8String(executor);
    Integer slot = id == null ? null : slots.get(id.toString());
    return slot == null ? Math.floorMod(row.getUTF8String(spread).hashCode(), slots.size()) : slot;
  }

  /** The key is the partition. */
  private static final class Slots extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int count;

    Slots(int count) {
      this.count = count;
    }

    @Override
    public int numPartitions() {
      return count;
    }

    @Override
    public int getPartition(Object key) {
      return (Integer) key;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Slots slots && slots.count == count;
    }

    @Override
    public int hashCode() {
      return count;
    }
  }
}
