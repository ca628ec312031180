package io.alchemist.spark.ui;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.history.FsHistoryProvider;
import org.apache.spark.deploy.history.HistoryServer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.Option;

/** The tab as Spark's web servers give it out: while the application runs, and from its event log afterwards. */
class AlchemistTabTest {
  private static final HttpClient HTTP = HttpClient.newBuilder()
      .followRedirects(HttpClient.Redirect.NORMAL)
      .connectTimeout(Duration.ofSeconds(10))
      .build();

  private final Path logs;

  AlchemistTabTest(@TempDir Path logs) {
    this.logs = logs;
  }

  @Test
  void theHistoryServerShowsWhatTheRunningApplicationShowed() throws Exception {
    String id;
    JsonNode live;
    try (Running application = new Running(logs, true)) {
      id = application.id;
      String page = get(application.address + "/alchemist/");
      assertThat(page)
          .contains("<title>answers - Alchemist</title>", "/alchemist/\">Alchemist</a>")
          .contains("Qwen/Qwen3-0.6B", "Executor 3 on node-3 is lost", "Needs attention");
      assertThat(get(application.address + "/alchemist/?rounds=2")).contains("page 2 of 4");
      assertThat(get(application.address + "/jobs/")).contains("/alchemist/\">Alchemist</a>");
      live = new ObjectMapper().readTree(get(application.address + "/alchemist/json/"));
    }

    HistoryServer server = historyServer();
    try {
      String address = "http://127.0.0.1:" + server.boundPort() + "/history/" + id + "/alchemist/";
      String page = Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .ignoreExceptions()
          .until(() -> get(address), text -> text.contains("Alchemist</a>"));
      assertThat(page)
          .contains("Qwen/Qwen3-0.6B", "At the end of the log", "from the event log, as of");

      JsonNode replayed = new ObjectMapper().readTree(get(address + "json/"));
      for (String part : List.of("started", "totals", "executors", "rounds", "versions")) {
        assertThat(replayed.get(part)).as(part).isEqualTo(live.get(part));
      }
      assertThat(replayed.get("live").asBoolean()).isFalse();
    } finally {
      server.stop();
    }
  }

  @Test
  void withoutAUiEventsStillReachTheLog() throws Exception {
    String id;
    try (Running application = new Running(logs, false)) {
      id = application.id;
      assertThat(application.address).isEqualTo("none");
    }
    FsHistoryProvider provider = new FsHistoryProvider(historyConf());
    try {
      provider.checkForLogs();
      var ui = Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> provider.getAppUI(id, Option.empty()), Option::isDefined)
          .get()
          .ui();
      Snapshot end = new AlchemistStore(ui.store().store()).snapshot(false, 0);
      assertThat(end.rounds()).hasSize((int) end.totals().rounds()).isNotEmpty();
      assertThat(ui.getTabs().exists(tab -> tab.name().equals("Alchemist"))).isTrue();
    } finally {
      provider.stop();
    }
  }

  private HistoryServer historyServer() {
    SparkConf conf = historyConf();
    HistoryServer server = new HistoryServer(
        conf, new FsHistoryProvider(conf), new SecurityManager(conf, Option.empty(), null), 0);
    server.initialize();
    server.bind();
    return server;
  }

  /** A History Server that keeps its stores on disk, as JSON: the store that asks most of what is put into it. */
  private SparkConf historyConf() {
    return new SparkConf(false)
        .set("spark.history.fs.logDirectory", logs.toUri().toString())
        .set("spark.history.fs.update.interval", "1s")
        .set(
            "spark.history.store.path",
            logs.resolveSibling(logs.getFileName() + "-store").toString());
  }

  private static String get(String address) throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(address))
        .timeout(Duration.ofSeconds(30))
        .build();
    HttpResponse<String> response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).as(address).isEqualTo(200);
    return response.body();
  }

  /** {@link LiveApplication} in a JVM of its own, from its READY line on. */
  private static final class Running implements AutoCloseable {
    private final Process process;
    private final String id;
    private final String address;

    Running(Path logs, boolean ui) throws IOException {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
          .filter(argument -> !argument.startsWith("-javaagent"))
          .forEach(command::add);
      command.addAll(List.of(
          "-cp",
          System.getProperty("java.class.path"),
          LiveApplication.class.getName(),
          logs.toString(),
          Boolean.toString(ui)));
      process = new ProcessBuilder(command)
          .redirectError(ProcessBuilder.Redirect.INHERIT)
          .start();
      BufferedReader output = new BufferedReader(
          new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      String line = output.readLine();
      while (line != null && !line.startsWith("READY ")) {
        line = output.readLine();
      }
      assertThat(line).as("The application ended before it was ready.").isNotNull();
      String[] words = line.split(" ", 3);
      id = words[1];
      address = words[2];
    }

    @Override
    public void close() throws IOException {
      process.getOutputStream().close();
      try {
        process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
      } finally {
        process.destroyForcibly();
      }
      assertThat(process.exitValue()).isZero();
    }
  }
}
