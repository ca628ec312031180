package io.alchemist.spark.rounds;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.VersionLog;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.spark.ContinualLearning;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The job with three new pieces of feedback, which stops at a step of their round and waits there to be killed; or, told to
 * verify, goes on to its end and says what the tables hold.
 */
final class CrashingJob {
  private CrashingJob() {}

  public static void main(String[] arguments) throws Exception {
    Path warehouse = Path.of(arguments[0]);
    String name = arguments[1];
    StopAt stop = new StopAt(arguments[2]);
    SparkSession spark = Jobs.session("local[2]", warehouse);
    ContinualLearning job = ContinualLearning.start(spark, stop);
    awaitAllDecided(job.tables());
    if (name.equals("verify")) {
      job.close(); // lets the round under way end: what follows from its decision is then in the
      // tables
      verify(job);
      spark.stop();
      System.out.println("CLOSED");
      return;
    }
    stop.arm();
    Jobs.Answered first = Jobs.ask(job.address(), "When does the Harbor branch open?");
    Jobs.Answered second = Jobs.ask(job.address(), "What is the price of the family tent?");
    Jobs.feedback(job.address(), name + "-right", first.id(), "thumb", 1);
    Jobs.feedback(
        job.address(), name + "-wrong", second.id(), "correction", "The family tent costs $1.");
    Jobs.feedback(job.address(), name + "-nonsense", "no-such-turn", "thumb", 1);
    System.out.println("GIVEN " + name);
    new CountDownLatch(1).await(); // to be killed
  }

  /** What came before is dealt with before anything new is given. */
  private static void awaitAllDecided(Tables tables) throws InterruptedException {
    while (true) {
      List<String> given = strings(tables.read(Table.FEEDBACK).select("id"));
      List<String> decided = decided(tables);
      if (decided.containsAll(given)) {
        return;
      }
      Thread.sleep(300); // a look at the tables costs about as much
    }
  }

  private static List<String> decided(Tables tables) {
    return strings(tables
        .read(Table.ROUNDS)
        .select(explode(org.apache.spark.sql.functions.concat(
                col("trained"), col("counted"), col("held_out"), col("quarantined.id")))
            .as("id")));
  }

  private static List<String> strings(org.apache.spark.sql.Dataset<Row> rows) {
    return rows.as(Encoders.STRING()).collectAsList();
  }

  private static void verify(ContinualLearning job) {
    Tables tables = job.tables();
    Map<String, Integer> decided = new TreeMap<>();
    decided(tables).forEach(id -> decided.merge(id, 1, Integer::sum));
    System.out.println("DECIDED " + decided);
    Map<String, Integer> quarantined = new TreeMap<>();
    strings(tables.read(Table.QUARANTINE).select("id"))
        .forEach(id -> quarantined.merge(id, 1, Integer::sum));
    System.out.println("QUARANTINED " + quarantined);
    VersionLog versions = new VersionLog(tables);
    System.out.println("LINEAGE " + versions.checkLineage());
    System.out.println(
        "VERSIONS " + versions.all().stream().map(VersionRecord::version).toList());
    System.out.println("PARENTS "
        + versions.all().stream().map(v -> String.valueOf(v.parent())).toList());
    long live = versions.live().orElseThrow().version();
    System.out.println("LIVE " + live + " " + (live == job.liveVersion()));
    System.out.println("VERIFIED");
  }

  /** Waits for ever at a step, once it is armed. */
  private static final class StopAt implements RoundObserver {
    private final String step;
    private volatile boolean armed;
    private boolean trained;

    StopAt(String step) {
      this.step = step;
    }

    void arm() {
      armed = true;
    }

    @Override
    public void reached(Step reached, String queryId, long batchId) {
      trained |= reached == Step.TRAINED;
      // Batches may come before anything can be trained; the first two steps are stopped at in any.
      boolean counts = trained || reached == Step.BEGUN || reached == Step.SORTED;
      if (armed && counts && reached.name().equals(step)) {
        System.out.println("STOPPED " + reached + " " + batchId);
        try {
          new CountDownLatch(1).await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }
}
