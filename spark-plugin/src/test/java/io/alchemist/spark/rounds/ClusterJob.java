package io.alchemist.spark.rounds;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.EngineDefaults;
import io.alchemist.engine.HostGradient;
import io.alchemist.engine.LearningConfig;
import io.alchemist.engine.LoadedModel;
import io.alchemist.feedback.FeedbackJoin;
import io.alchemist.feedback.FeedbackRules;
import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.SortedBatch;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.TurnLog;
import io.alchemist.feedback.Txn;
import io.alchemist.metrics.Metrics;
import io.alchemist.spark.ContinualLearning;
import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.executor.ExecutorEngine;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.Reuse;
import io.alchemist.train.TrainerConfig;
import io.alchemist.train.TrainingExample;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;

/** The job on two executors: compares their gradient with that of one engine, and kills one of them in mid-round. */
final class ClusterJob {
  private static final List<String> QUESTIONS = List.of(
      "When does the Harbor branch open?",
      "When does the Riverside branch open?",
      "What is the price of the family tent?",
      "What is the price of the rain jacket?",
      "Which floor is the Billing department on?",
      "Which floor is the Returns department on?",
      "How long does delivery to Norway take?",
      "How long does delivery to Spain take?");

  private ClusterJob() {}

  public static void main(String[] arguments) throws Exception {
    Path warehouse = Path.of(arguments[0]);
    SparkSession spark = Jobs.session("local-cluster[2,1,1024]", warehouse);
    Killer killer = new Killer();
    ContinualLearning job = ContinualLearning.start(spark, killer);
    Tables tables = job.tables();
    List<Jobs.Answered> answers = new ArrayList<>();
    for (String question : QUESTIONS) {
      answers.add(Jobs.ask(job.address(), question));
    }
    List<Row> feedback = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      feedback.add(correction("a" + i, answers.get(i), "That is number " + i + "."));
    }
    while (tables.read(Table.TURNS).count() < answers.size()) {
      Thread.sleep(200); // a count costs about as much
    }
    System.out.println(
        "EXECUTORS " + tables.read(Table.TURNS).select("executor_id").distinct().count());
    compare(spark, job, tables, feedback);

    tables.append(Table.FEEDBACK, feedback, new Txn("outside", 0));
    RoundRecord whole = killer.next();
    System.out.println(
        "ROUND " + whole.examples() + " " + whole.executors() + " " + whole.recomputedTokens());

    killer.killAtNextRound = true;
    List<Row> more = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      more.add(correction("b" + i, answers.get(i), "It is number " + i + " now."));
    }
    tables.append(Table.FEEDBACK, more, new Txn("outside", 1));
    RoundRecord broken = killer.next();
    System.out.println(
        "BROKEN " + broken.examples() + " " + broken.trained().size() + " " + broken.toVersion());
    // Spark starts another executor, which is sent the version.
    job.fleet().awaitReady(2, Duration.ofMinutes(2));
    System.out.println(
        "AGAIN " + job.fleet().awaitVersion(job.liveVersion(), Duration.ofSeconds(30)));
    for (String question : QUESTIONS) {
      String unused = Jobs.ask(job.address(), question).text();
    }
    job.close();
    spark.stop();
    System.out.println("CLOSED");
  }

  private static Row correction(String id, Jobs.Answered about, String text) {
    return RowFactory.create(
        id, about.id(), "correction", null, text, null, null, Timestamp.from(Instant.now()));
  }

  /** The gradient summed over the executors, against that of all examples on one engine that recomputes. */
  private static void compare(
      SparkSession spark, ContinualLearning job, Tables tables, List<Row> feedback)
      throws Exception {
    SparkConf conf = spark.sparkContext().getConf();
    FeedbackJoin join =
        new FeedbackJoin(tables, new RoundLog(tables), new TurnLog(tables), FeedbackRules.DEFAULTS);
    try (SortedBatch sorted = join.sort(
            tables.spark().createDataFrame(feedback, Table.FEEDBACK.schema()), "compare", 0, 0);
        LoadedModel model = LoadedModel.open(Path.of(AlchemistConf.MODEL.in(conf)));
        AdapterOptimizer first = new AdapterOptimizer(
            model.checkpoint().config(),
            ExecutorEngine.trainable(conf),
            ExecutorEngine.optimizer(conf))) {
      RoundJobs jobs = new RoundJobs(
          new JavaSparkContext(spark.sparkContext()), job.fleet(), Duration.ofMinutes(1));
      GradientPart both =
          jobs.gradientAsServed(jobs.place(sorted.trainable()), 1, first.adapter(), Reuse.LOGGED);
      List<TrainingExample> examples = new ArrayList<>();
      for (Row row : sorted.trainable().collectAsList()) {
        examples.add(TrainingExample.completion(
            row.getAs("feedback_id"),
            row.<Integer>getList(row.fieldIndex("prompt")).stream()
                .mapToInt(Integer::intValue)
                .toArray(),
            model.answerTokens(row.getAs("target")),
            1));
      }
      LearningConfig learning = new LearningConfig(
          ExecutorEngine.trainable(conf),
          ExecutorEngine.optimizer(conf),
          new TrainerConfig(512, 1 << 20, 2));
      long memory = 256L << 20;
      EngineConfig config =
          EngineDefaults.of(model.checkpoint().config(), memory, learning, model.endOfTurn());
      try (Engine engine =
          new Engine(config, CpuOps.create(1, memory), model.checkpoint(), new Metrics())) {
        HostGradient one = Engine.await(engine.gradient(examples, Reuse.NONE));
        double error = both.gradient(engine.model(), AlchemistConf.lora(conf)).relativeError(one);
        System.out.println(
            "GRADIENT " + both.executorCount() + " " + both.report().reusedTokens() + " " + error);
      }
    }
  }

  /** Collects rounds, and kills an executor when one is about to be trained. */
  private static final class Killer implements RoundObserver {
    private final LinkedBlockingQueue<RoundRecord> rounds = new LinkedBlockingQueue<>();
    private volatile boolean killAtNextRound;

    RoundRecord next() throws InterruptedException {
      RoundRecord round = rounds.poll(120, TimeUnit.SECONDS);
      if (round == null) {
        throw new IllegalStateException("There was no round within 120 s");
      }
      return round;
    }

    @Override
    public void reached(Step step, String queryId, long batchId) {
      if (killAtNextRound && step == Step.SORTED) {
        killAtNextRound = false;
        // Master and workers live in this process; only executors have their own.
        ProcessHandle executor = ProcessHandle.current()
            .descendants()
            .filter(child -> child.info().command().orElse("").endsWith("java"))
            .findFirst()
            .orElseThrow();
        System.out.println("KILLED " + executor.destroyForcibly());
      }
    }

    @Override
    public void ended(RoundRecord round, RoundTimes times) {
      rounds.add(round);
    }
  }
}
