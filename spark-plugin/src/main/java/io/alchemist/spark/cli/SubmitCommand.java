package io.alchemist.spark.cli;

import io.alchemist.spark.AlchemistPlugin;
import io.alchemist.spark.ContinualLearning;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs the main job on a cluster: {@code spark-submit} with the class, the jars and the settings it always needs. */
@Command(
    name = "submit",
    description = {
      "Runs the main job on a cluster, by the spark-submit of SPARK_HOME.",
      "Everything that follows -- is given to spark-submit, e.g. -- --master spark://host:7077"
          + " --conf spark.alchemist.model=/models/llama --conf spark.alchemist.warehouse=hdfs:///alchemist"
    },
    mixinStandardHelpOptions = true)
final class SubmitCommand implements Callable<Integer> {
  /** Has to be there before the session is; a distribution of Spark brings neither. */
  private static final Map<String, String> ALWAYS = new TreeMap<>(Map.of(
      "spark.plugins", AlchemistPlugin.class.getName(),
      "spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension",
      "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog",
      "spark.dynamicAllocation.enabled", "false"));

  @Option(names = "--dry-run", description = "Prints the command instead of running it.")
  private boolean dryRun;

  @Parameters(paramLabel = "ARGUMENTS", description = "For spark-submit.")
  private List<String> arguments = new ArrayList<>();

  @Spec
  private CommandSpec spec;

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path home = Path.of(System.getProperty("alchemist.home", "."));
    List<String> command = command(sparkSubmit(System.getenv("SPARK_HOME")), home, arguments);
    if (dryRun) {
      spec.commandLine()
          .getOut()
          .println(
              command.stream().map(SubmitCommand::quoted).collect(Collectors.joining(" \\\n  ")));
      return 0;
    }
    return new ProcessBuilder(command).inheritIO().start().waitFor();
  }

  private static String quoted(String argument) {
    return argument.matches("[\\w./:=,*@%+-]+")
        ? argument
        : "'" + argument.replace("'", "'\\''") + "'";
  }

  private static Path sparkSubmit(@Nullable String sparkHome) {
    Path script = Path.of(sparkHome == null ? "" : sparkHome, "bin", "spark-submit");
    if (sparkHome == null || !Files.isExecutable(script)) {
      throw new IllegalArgumentException(
          "There is no Spark distribution: SPARK_HOME is "
              + (sparkHome == null ? "not set" : sparkHome + ", which has no bin/spark-submit")
              + ". Set it to an unpacked Spark 4.1 (Scala 2.13), or try ./alchemist demo, which needs none.");
    }
    return script;
  }

  static List<String> command(Path sparkSubmit, Path home, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(sparkSubmit.toString());
    command.add("--class");
    command.add(ContinualLearning.class.getName());
    String given = String.join(" ", arguments);
    ALWAYS.forEach((key, value) -> {
      if (!given.contains(key + "=")) {
        command.add("--conf");
        command.add(key + "=" + value);
      }
    });
    List<Path> jars = jars(home);
    command.add("--jars");
    command.add(jars.stream().map(Path::toString).collect(Collectors.joining(",")));
    command.addAll(arguments);
    command.add(jar(home, "spark-plugin").toString());
    return command;
  }

  /** What a distribution of Spark doesn't have: our modules, their libraries, Delta. */
  private static List<Path> jars(Path home) throws IOException {
    List<Path> jars = new ArrayList<>();
    jars.add(jar(home, "gpu-executor"));
    jars.add(jar(home, "feedback-ingest"));
    Path target = home.resolve("spark-plugin").resolve("target");
    try (Stream<Path> ours = Files.list(target.resolve("lib"));
        Stream<Path> sparks = Files.list(target.resolve("spark").resolve("jars"))) {
      ours.filter(path -> !isSparks(path)).sorted().forEach(jars::add);
      sparks
          .filter(path -> path.getFileName().toString().startsWith("delta-"))
          .sorted()
          .forEach(jars::add);
    }
    return jars;
  }

  /** Of our libraries' own libraries, Spark has these. */
  private static boolean isSparks(Path jar) {
    return jar.getFileName().toString().startsWith("commons-");
  }

  private static Path jar(Path home, String module) throws IOException {
    Path target = home.resolve(module).resolve("target");
    try (Stream<Path> files = Files.list(target)) {
      return files
          .filter(file -> file.getFileName().toString().matches(module + "-[\\w.-]+\\.jar"))
          .filter(
              file -> !file.getFileName().toString().matches(".*-(tests|sources|javadoc)\\.jar"))
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException(
              "There is no jar of " + module + " in " + target + ". Run mvn package first."));
    }
  }
}
