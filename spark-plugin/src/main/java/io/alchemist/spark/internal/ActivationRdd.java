package io.alchemist.spark.internal;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkContext$;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;
import scala.Function1;
import scala.Option;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.BoxedUnit;

/**
 * The RDD whose blocks the executors' host tiers are made of. It has no data of its own: it is there so that Spark's UI shows
 * the blocks under a name, per executor, in memory and on disk, and so that Spark keeps executors that hold some. In the Storage
 * tab its "fraction cached" means nothing, since a block is no partition.
 */
public final class ActivationRdd {
  /** As Spark's Storage tab shows it. */
  public static final String NAME = "Alchemist activations";

  private static final String JOB_DESCRIPTION = "spark.job.description";

  /** Spark's cleaner removes the blocks of an RDD that nothing refers to. */
  private static @Nullable RDD<Byte> registered;

  private ActivationRdd() {}

  /** Whether an application has come so far that it can have RDDs: plugins are started before. */
  public static boolean canRegister(SparkContext context) {
    Option<SparkContext> active = SparkContext$.MODULE$.getActive();
    return active.isDefined() && active.get() == context;
  }

  /**
   * Makes the RDD known to the driver and its UI; for the driver, once the scheduler runs. Doesn't wait: Spark's UI learns of
   * an RDD when a stage that has it begins, so one empty task is queued.
   *
   * @return its id, for {@link SparkHostTier#open} on the executors; the same for the same context
   */
  public static synchronized int register(SparkContext context) {
    RDD<Byte> known = registered;
    if (known != null && known.sparkContext() == context) {
      return known.id();
    }
    RDD<Byte> activations = empty(context);
    activations.setName(NAME);
    activations.persist(StorageLevel.OFF_HEAP());
    registered = activations;
    show(context, activations, empty(context));
    return activations.id();
  }

  private static RDD<Byte> empty(SparkContext context) {
    return new JavaSparkContext(context).parallelize(List.<Byte>of(), 1).rdd();
  }

  /** Runs a stage that has the RDD among its ancestors, on a partition that is none of the RDD's: no block comes of it. */
  private static void show(SparkContext context, RDD<Byte> activations, RDD<Byte> beside) {
    RDD<Byte> both = activations.union(beside);
    Seq<Object> second = CollectionConverters.asScala(List.<Object>of(1)).toSeq();
    String before = context.getLocalProperty(JOB_DESCRIPTION);
    context.setJobDescription("Shows " + NAME + " in the Storage tab");
    try {
      context.submitJob(
          both,
          (Function1<Iterator<Byte>, Boolean> & Serializable) rows -> true,
          second,
          (partition, done) -> BoxedUnit.UNIT,
          () -> BoxedUnit.UNIT);
    } finally {
      context.setLocalProperty(JOB_DESCRIPTION, before);
    }
  }
}
