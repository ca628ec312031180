package io.alchemist.spark.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The embedded model, served and trained by {@code serve --learn} in a process of its own: this module's tests run in a JVM without
 * the optimizing compiler, which Spark starts faster in and kernels crawl in.
 */
final class ServedModel implements AutoCloseable {
  private static final Pattern ADDRESS = Pattern.compile("at (http://[^/]+)/v1");
  private static final Path HOME = Path.of("..").toAbsolutePath().normalize();

  private final Process process;
  private final URI base;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private ServedModel(Process process, URI base) {
    this.process = process;
    this.base = base;
  }

  /** Starts it with more options of {@code serve}; feedback goes into {@code directory}. */
  static ServedModel start(Path directory, String... options) throws IOException {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules=jdk.incubator.vector",
        "-Xmx700m",
        "-Dalchemist.home=" + HOME,
        "-Dlog4j2.configurationFile=" + HOME.resolve("conf").resolve("log4j2.properties"),
        "-cp",
        System.getProperty("java.class.path"),
        "io.alchemist.cli.Main",
        "serve",
        "--learn",
        "--port=0",
        "--threads=2",
        "--memory=600",
        "--feedback=" + directory.resolve("feedback.jsonl")));
    command.addAll(List.of(options));
    Process process = new ProcessBuilder(command)
        .redirectError(directory.resolve("serve.log").toFile())
        .start();
    try {
      return new ServedModel(process, address(process));
    } catch (IOException | RuntimeException e) {
      process.destroyForcibly();
      throw e;
    }
  }

  private static URI address(Process process) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher address = ADDRESS.matcher(line);
      if (address.find()) {
        return URI.create(address.group(1));
      }
    }
    throw new IOException("serve ended without telling its address; see serve.log");
  }

  URI base() {
    return base;
  }

  ChatClient client() {
    return new ChatClient(base, Duration.ofSeconds(30));
  }

  /** The value of a metric without labels. */
  double metric(String name) throws IOException, InterruptedException {
    String text = http.send(
            HttpRequest.newBuilder(base.resolve("/metrics")).build(), BodyHandlers.ofString())
        .body();
    return text.lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("No metric " + name + " in\n" + text));
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
