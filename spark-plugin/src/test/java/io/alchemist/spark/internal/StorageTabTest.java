package io.alchemist.spark.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Executors in JVMs of their own: tiers there work, and the driver's REST API shows what each holds. */
class StorageTabTest {
  private static final long MIB = 1 << 20;

  @Test
  void theRestApiShowsMemoryAndDiskOfEachExecutor(@TempDir Path directory) throws Exception {
    Process cluster = start(directory);
    try (Writer ask = new OutputStreamWriter(cluster.getOutputStream(), StandardCharsets.UTF_8);
        BufferedReader answers = new BufferedReader(
            new InputStreamReader(cluster.getInputStream(), StandardCharsets.UTF_8))) {
      awaitStorage(ask, answers, 10, 4 * MIB, 6 * MIB);
      awaitStorage(ask, answers, 9, 3 * MIB, 6 * MIB);
      awaitStorage(ask, answers, 2, 0, 2 * MIB);
    } finally {
      if (!cluster.waitFor(30, TimeUnit.SECONDS)) {
        cluster.destroy();
      }
    }
  }

  private static void awaitStorage(
      Writer ask, BufferedReader answers, int blocks, long memoryBytes, long diskBytes) {
    await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
      JsonNode storage = storage(ask, answers, blocks);
      assertThat(storage.path("name").asText()).isEqualTo("Alchemist activations");
      assertThat(storage.path("storageLevel").asText())
          .isEqualTo("Disk Memory (off heap) Serialized 1x Replicated");
      assertThat(storage.path("memoryUsed").asLong()).isEqualTo(2 * memoryBytes);
      assertThat(storage.path("diskUsed").asLong()).isEqualTo(2 * diskBytes);
      assertThat(storage.path("partitions"))
          .as("blocks, none of two executors")
          .hasSize(2 * blocks);
      assertThat(storage.path("dataDistribution")).hasSize(2).allSatisfy(executor -> {
        assertThat(executor.path("offHeapMemoryUsed").asLong()).isEqualTo(memoryBytes);
        assertThat(executor.path("onHeapMemoryUsed").asLong()).isZero();
        assertThat(executor.path("diskUsed").asLong()).isEqualTo(diskBytes);
      });
    });
  }

  private static JsonNode storage(Writer ask, BufferedReader answers, int blocks)
      throws IOException {
    ask.write(blocks + "\n");
    ask.flush();
    for (String line = answers.readLine(); line != null; line = answers.readLine()) {
      if (line.startsWith("STORAGE ")) {
        return new ObjectMapper().readTree(line.substring("STORAGE ".length()));
      }
    }
    throw new IOException("The cluster ended before it answered");
  }

  private static Process start(Path directory) throws IOException {
    String classPath = System.getProperty("java.class.path");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    command.addAll(List.of(
        "-XX:TieredStopAtLevel=1",
        "-Xmx512m",
        "-Djava.awt.headless=true",
        "-cp",
        classPath,
        StorageTabProbe.class.getName(),
        classPath));
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Path home = Path.of("target", "spark").toAbsolutePath();
    assertThat(Files.isDirectory(home.resolve("jars"))).as("jars in %s", home).isTrue();
    builder.environment().put("SPARK_HOME", home.toString());
    builder.environment().put("SPARK_SCALA_VERSION", "2.13");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    return builder.start();
  }
}
