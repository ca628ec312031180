package io.alchemist.spark.rounds;

import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.spark.internal.Placement;
import io.alchemist.train.Reuse;
import io.alchemist.weights.AdapterData;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/** The Spark jobs of a round. Driver; one thread at a time. */
final class RoundJobs {
  /** Sums of gradients go through so many levels where there are many executors. */
  private static final int TREE_DEPTH = 2;

  private final JavaSparkContext spark;
  private final Fleet fleet;
  private final Duration patience;
  /** Numbers of drafts, below all that engines use themselves. */
  private final AtomicLong drafts = new AtomicLong(-1_000);

  /**
   * On the executors of a fleet.
   *
   * @param patience how long a job waits for an executor where none serves
   */
  RoundJobs(JavaSparkContext spark, Fleet fleet, Duration patience) {
    this.spark = spark;
    this.fleet = fleet;
    this.patience = patience;
  }

  /** Examples, placed on executors; may be used for any number of jobs. */
  static final class Examples {
    private final JavaRDD<InternalRow> rows;
    private final StructType schema;

    private Examples(JavaRDD<InternalRow> rows, StructType schema) {
      this.rows = rows;
      this.schema = schema;
    }
  }

  /** Brings each row to the executor that served it. */
  Examples place(Dataset<Row> trainable) {
    return new Examples(placement().place(trainable, "executor_id", "turn_id"), trainable.schema());
  }

  /** Where jobs run: the executors that serve. One that was lost is replaced by Spark, and then loads the model. */
  private Placement placement() {
    List<Member> ready;
    try {
      ready = fleet.awaitAnyReady(patience);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      // As Spark knows it: a query that is stopped ends with an interruption, not with an error.
      throw new UncheckedIOException(
          new InterruptedIOException("The job ends while a round waits for an executor."));
    }
    if (ready.isEmpty()) {
      throw new IllegalStateException(
          "No executor has served for " + patience.toSeconds() + " s, so nothing can be trained."
              + " Feedback is kept; look at the executors' states in the Alchemist tab.");
    }
    return new Placement(ready.stream()
        .map(member -> new Placement.Site(member.host(), member.executorId()))
        .toList());
  }

  /** The gradient at the versions that served the examples, as far as they are at hand, and at the base version otherwise. */
  GradientPart gradientAsServed(
      Examples examples, long baseVersion, AdapterData base, Reuse reuse) {
    return gradient(
        examples,
        new GradientWork(
            baseVersion, true, drafts.decrementAndGet(), base, reuse, examples.schema));
  }

  /** The gradient of all examples at a candidate. */
  GradientPart gradientAt(Examples examples, long baseVersion, AdapterData candidate) {
    return gradient(
        examples,
        new GradientWork(
            baseVersion,
            false,
            drafts.decrementAndGet(),
            candidate,
            Reuse.LOGGED,
            examples.schema));
  }

  private GradientPart gradient(Examples examples, GradientWork work) {
    Broadcast<Packed<GradientWork>> broadcast = spark.broadcast(new Packed<>(work));
    try {
      return examples
          .rows
          .mapPartitions(new GradientTask(broadcast))
          .treeReduce(GradientPart::plus, TREE_DEPTH);
    } finally {
      broadcast.destroy();
    }
  }

  /**
   * Mean loss of examples before and after.
   *
   * @return nats per token at the base version and at the candidate; null where no example could be used
   */
  double @Nullable [] losses(
      List<GateExample> examples, long baseVersion, AdapterData base, AdapterData candidate) {
    Broadcast<Packed<GateWork>> broadcast = spark.broadcast(new Packed<>(new GateWork(
        baseVersion, drafts.decrementAndGet(), base, drafts.decrementAndGet(), candidate)));
    try {
      double[] sums = placement()
          .spread(spark, examples)
          .mapPartitions(new GateTask(broadcast))
          .reduce((a, b) -> new double[] {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]});
      return sums[1] == 0 || sums[3] == 0
          ? null
          : new double[] {sums[0] / sums[1], sums[2] / sums[3]};
    } finally {
      broadcast.destroy();
    }
  }
}
