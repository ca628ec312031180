package io.alchemist.spark.internal;

import java.util.List;
import org.apache.spark.Partition;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;

/**
 * An RDD whose partition i Spark runs on executor i of a list, if it can: a preference, which is given up when the executor is
 * gone or busy for longer than {@code spark.locality.wait}.
 *
 * @param <T> elements
 */
final class PlacedRdd<T> extends RDD<T> {
  private static final long serialVersionUID = 1L;

  private final ClassTag<T> tag;
  private final String[] locations;

  /**
   * Places the partitions of {@code parent}.
   *
   * @param locations of each partition, as {@link #location} gives them
   */
  PlacedRdd(RDD<T> parent, List<String> locations, ClassTag<T> tag) {
    super(parent, tag);
    this.tag = tag;
    this.locations = locations.toArray(String[]::new);
  }

  /** How Spark's scheduler spells an executor. */
  static String location(String host, String executorId) {
    return "executor_" + host + "_" + executorId;
  }

  @Override
  public Iterator<T> compute(Partition split, TaskContext context) {
    return this.<T>firstParent(tag).iterator(split, context);
  }

  @Override
  public Partition[] getPartitions() {
    return this.<T>firstParent(tag).partitions();
  }

  @Override
  public Seq<String> getPreferredLocations(Partition split) {
    return CollectionConverters.asScala(List.of(locations[split.index()])).toSeq();
  }
}
