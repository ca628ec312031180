package io.alchemist.spark.rounds;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** A JVM with this one's class path that runs a main class; its output is read line by line. */
final class Child implements AutoCloseable {
  private static final long LIMIT_SECONDS = 240;

  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final Thread reader;

  private Child(Process process) {
    this.process = process;
    this.reader = new Thread(this::read, "child-output");
    reader.setDaemon(true);
    reader.start();
  }

  /** Starts a main class with the flags and the class path of the tests' own JVM. */
  static Child start(Class<?> main, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : System.getProperty("alchemist.test.jvm", "").split(" ", -1)) {
      if (!flag.isBlank()) {
        command.add(flag);
      }
    }
    command.addAll(List.of(
        "-Xmx1g",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Dlog4j2.configurationFile="
            + Path.of("..", "conf", "log4j2.properties").toAbsolutePath(),
        "-cp",
        System.getProperty("java.class.path")));
    command.add(main.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    builder
        .environment()
        .put("SPARK_HOME", Path.of("target", "spark").toAbsolutePath().toString());
    builder.environment().put("SPARK_SCALA_VERSION", "2.13");
    return new Child(builder.start());
  }

  private void read() {
    try (BufferedReader in = new BufferedReader(
        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add("(output ended: " + e.getMessage() + ")");
    }
  }

  /** Waits for a line that begins so, and gives the rest of it. */
  String await(String prefix) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    int seen = 0;
    while (System.nanoTime() < deadline) {
      for (; seen < lines.size(); seen++) {
        if (lines.get(seen).startsWith(prefix)) {
          return lines.get(seen).substring(prefix.length()).trim();
        }
      }
      if (!process.isAlive()) {
        reader.join();
        if (seen == lines.size()) {
          throw new AssertionError("The job ended before it said '" + prefix + "':\n" + output());
        }
      } else {
        reader.join(50);
      }
    }
    throw new AssertionError(
        "The job did not say '" + prefix + "' within " + LIMIT_SECONDS + " s:\n" + output());
  }

  /** Waits until it has ended by itself. */
  void awaitEnd() throws InterruptedException {
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("The job did not end within " + LIMIT_SECONDS + " s:\n" + output());
    }
  }

  /** Kills it as {@code kill -9} does. */
  void kill() {
    process.destroyForcibly().onExit().join();
  }

  private String output() {
    List<String> last = lines.subList(Math.max(0, lines.size() - 80), lines.size());
    return String.join("\n", last);
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    kill();
  }
}
