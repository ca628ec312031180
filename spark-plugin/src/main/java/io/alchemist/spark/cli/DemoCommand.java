package io.alchemist.spark.cli;

import io.alchemist.spark.ContinualLearning;
import io.alchemist.spark.demo.ChatClient;
import io.alchemist.spark.demo.DemoReport;
import io.alchemist.spark.demo.DemoRun;
import io.alchemist.spark.demo.HelpDeskScenario;
import io.alchemist.spark.demo.NewFactScenario;
import io.alchemist.spark.demo.Scenario;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs the main job on this machine with simulated users, and reports what was learnt. */
@Command(
    name = "demo",
    description = {
      "Runs the main job on this machine with simulated users, who correct what has changed since the model was trained.",
      "Prints a line for each round and ends with a report. Exits with 1 when less was learnt than promised."
    },
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  /** Longer than an answer may take on a busy machine. */
  private static final Duration ANSWER_LIMIT = Duration.ofMinutes(2);

  @Option(
      names = "--master",
      description = "Spark's master, e.g. local-cluster[2,1,3072]. Default: ${DEFAULT-VALUE}.")
  private String master = "local[2]";

  @Option(
      names = "--model",
      paramLabel = "DIR|FILE",
      description = "Another model, which is taught one new fact. Default: the embedded help desk.")
  private @Nullable Path model;

  @Option(names = "--json", paramLabel = "FILE", description = "Writes the figures here, too.")
  private @Nullable Path json;

  @Option(names = "--keep", description = "Leaves server and Spark UI up until Ctrl-C.")
  private boolean keep;

  @Option(
      names = "--warehouse",
      paramLabel = "DIR",
      description =
          "Where tables and adapters are put. Default: a new directory for temporary files.")
  private @Nullable Path warehouse;

  @Option(names = "--port", description = "Of the router; 0 takes any. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(
      names = "--seconds",
      description =
          "How long users chat at most. Default: 120; 240 with --model; three times as long on a local-cluster.")
  private @Nullable Double seconds;

  @Option(
      names = "--seed",
      description = "Of users and of what has changed. Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  @Spec
  private CommandSpec spec;

  @Override
  @SuppressWarnings("try") // the hook has only to be closed
  public Integer call() throws IOException, InterruptedException, TimeoutException {
    long start = System.nanoTime();
    PrintWriter out = spec.commandLine().getOut();
    Path place = warehouse == null ? Files.createTempDirectory("alchemist-demo-") : warehouse;
    Scenario scenario = model == null ? HelpDeskScenario.of(seed) : new NewFactScenario();
    out.println("Starting Spark on " + master + " ...");
    out.flush();
    SparkSession spark = DemoSession.start(master, port, model, place.toAbsolutePath());
    try {
      DemoProgress progress = new DemoProgress();
      try (ContinualLearning job = ContinualLearning.start(spark, progress)) {
        job.closeOnShutdown();
        progress.follow(job, place.toAbsolutePath());
        out.printf("Serving at %s/v1, Spark UI at %s%n", job.address(), ui(spark));
        out.flush();
        return run(job, spark, scenario, progress, start);
      }
    } finally {
      spark.stop();
    }
  }

  private static String ui(SparkSession spark) {
    return spark.sparkContext().uiWebUrl().isDefined()
        ? spark.sparkContext().uiWebUrl().get() + "/alchemist/"
        : "(switched off)";
  }

  private int run(
      ContinualLearning job,
      SparkSession spark,
      Scenario scenario,
      DemoProgress progress,
      long startNanos)
      throws IOException, InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    try {
      DemoReport report = new DemoRun(
              DemoSession.demoConfig(master, model != null, seed, seconds),
              scenario,
              new ChatClient(URI.create(job.address()), ANSWER_LIMIT),
              new DeltaFeedback(job.tables()),
              progress,
              out)
          .run()
          .withSeconds((System.nanoTime() - startNanos) / 1e9);
      return finish(report, job, spark, out);
    } catch (IOException e) {
      if (!job.isClosed()) {
        throw e;
      }
      // Ctrl-C: nobody answers any more.
      out.println("Ended before the report.");
      out.flush();
      return 1;
    }
  }

  private int finish(DemoReport report, ContinualLearning job, SparkSession spark, PrintWriter out)
      throws IOException, InterruptedException {
    out.println();
    out.print(report.toTable());
    List<String> missed = report.shortfalls();
    missed.forEach(sentence -> out.println("MISSED: " + sentence));
    out.flush();
    if (json != null) {
      Files.writeString(json, report.toJson() + "\n");
    }
    if (keep) {
      out.printf(
          "Still serving at %s/v1, Spark UI at %s. Ctrl-C ends it.%n", job.address(), ui(spark));
      out.flush();
      job.awaitTermination();
    }
    return missed.isEmpty() ? 0 : 1;
  }
}
