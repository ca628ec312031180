package io.alchemist.spark.rounds;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.spark.AlchemistPlugin;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/** Sessions with the plugin and the embedded model, and what clients do. */
final class Jobs {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private Jobs() {}

  static SparkSession session(String master, Path warehouse) {
    SparkSession.Builder builder = SparkSession.builder()
        .appName("test")
        .master(master)
        .config("spark.plugins", AlchemistPlugin.class.getName())
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.memory.offHeap.enabled", "true")
        .config("spark.memory.offHeap.size", "64m")
        .config("spark.alchemist.memory.host", "32m")
        .config("spark.alchemist.memory.device", "256m")
        .config("spark.alchemist.engine.threads", "1")
        .config("spark.alchemist.model", model().toString())
        .config("spark.alchemist.warehouse", warehouse.toString())
        .config("spark.alchemist.router.port", "0")
        .config("spark.alchemist.turns.interval", "200ms")
        .config("spark.alchemist.feedback.wait", "0s")
        // C1 alone compiles the kernels badly; one step is enough for what is tested.
        .config("spark.alchemist.train.stepsPerRound", "1")
        .config("spark.alchemist.round.interval", "0s");
    if (master.startsWith("local-cluster")) {
      builder
          .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
          .config(
              "spark.executor.extraJavaOptions",
              "-XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="
                  + System.getProperty("log4j2.configurationFile"))
          .config("spark.alchemist.executors.min", "2");
    }
    return builder.getOrCreate();
  }

  private static Path model() {
    return Path.of("..", "models", "help-desk").toAbsolutePath().normalize();
  }

  /** An answer: its id and its text. */
  record Answered(String id, String text) {}

  static Answered ask(String address, String question) {
    ObjectNode body = JSON.createObjectNode();
    body.putArray("messages").addObject().put("role", "user").put("content", question);
    body.put("temperature", 0);
    JsonNode answer = post(address + "/v1/chat/completions", body);
    return new Answered(
        answer.path("id").asText(),
        answer.path("choices").path(0).path("message").path("content").asText());
  }

  /** Posts a feedback; returns when it is in its table. */
  static void feedback(String address, String id, String turnId, String kind, Object value) {
    ObjectNode body = JSON.createObjectNode();
    body.put("id", id).put("turn_id", turnId).put("kind", kind);
    if (value instanceof String text) {
      body.put("text", text);
    } else {
      body.put("score", (Integer) value);
    }
    JsonNode unused = post(address + "/v1/feedback", body);
  }

  private static JsonNode post(String url, ObjectNode body) {
    try {
      HttpResponse<String> response = HTTP.send(
          HttpRequest.newBuilder(URI.create(url))
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
              .build(),
          HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new IllegalStateException(
            url + " answered " + response.statusCode() + ": " + response.body());
      }
      return JSON.readTree(response.body());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
