package io.alchemist.spark.rounds;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.VersionLog;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.spark.ContinualLearning;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The job with three new pieces of feedback, which stops at a step of their round and waits there to be killed; or, told to
 * verify, says what the tables hold.
 */
final class CrashingJob {
  private CrashingJob() {}

  public static void main(String[] arguments) throws Exception {
    Path warehouse = Path.of(arguments[0]);
    String name = arguments[1];
    StopAt stop = new StopAt(arguments[2]);
    System.setProperty("spark.alchemist.train.minExamplesPerStep", arguments[3]);
    SparkSession spark = Jobs.session("local[2]", warehouse);
    ContinualLearning job = ContinualLearning.start(spark, stop);
    awaitAllDecided(job.tables(), stop);
    if (name.equals("verify")) {
      job.close(); // lets the round under way end: what follows from its decision is then in the
      // tables
      verify(job);
      spark.stop();
      System.out.println("CLOSED");
      return;
    }
    stop.arm();
    // All at once, as users do: that makes few commits and one round.
    atOnce(
        () -> giveFeedback(job, name + "-right", "When does the Harbor branch open?", "thumb", 1),
        () -> giveFeedback(
            job,
            name + "-wrong",
            "What is the price of the family tent?",
            "correction",
            "The family tent costs $1."),
        () -> Jobs.feedback(job.address(), name + "-nonsense", "no-such-turn", "thumb", 1));
    System.out.println("GIVEN " + name);
    new CountDownLatch(1).await(); // to be killed
  }

  private static void giveFeedback(
      ContinualLearning job, String id, String question, String kind, Object value) {
    Jobs.feedback(job.address(), id, Jobs.ask(job.address(), question).id(), kind, value);
  }

  private static void atOnce(Runnable... tasks) throws InterruptedException, ExecutionException {
    ExecutorService threads = Executors.newFixedThreadPool(tasks.length);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (Runnable task : tasks) {
        running.add(threads.submit(task));
      }
      for (Future<?> task : running) {
        Object unused = task.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  /** What came before is dealt with before anything new is given. */
  private static void awaitAllDecided(Tables tables, StopAt rounds) throws InterruptedException {
    while (!decided(tables).containsAll(strings(tables.read(Table.FEEDBACK).select("id")))) {
      rounds.awaitEnded();
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
    System.out.println(
        "EXAMPLES " + versions.all().stream().map(VersionRecord::examples).toList());
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
    private final Semaphore ended = new Semaphore(0);
    private boolean trained;

    StopAt(String step) {
      this.step = step;
    }

    void arm() {
      armed = true;
    }

    /** Waits until another round has ended, for at most a second: its batch may have ended before it was awaited. */
    void awaitEnded() throws InterruptedException {
      boolean unused = ended.tryAcquire(1, TimeUnit.SECONDS);
    }

    @Override
    public void ended(RoundRecord round, RoundTimes times) {
      ended.release();
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
