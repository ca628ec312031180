package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.AdapterData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GateTest {
  private static final AdapterData BASE = SmallModel.adapter(2);
  private static final AdapterData CANDIDATE = SmallModel.adapter(1);
  private static final String GOOD =
      "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"}, {\"role\": \"user\", \"content\": \"wo?\"}], \"answer\": \"Köln\"}";

  private final Path directory;
  private List<GateExample> judgedBy = List.of();

  GateTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private String file(String... lines) throws IOException {
    return Files.write(directory.resolve("gate.jsonl"), List.of(lines)).toString();
  }

  private static Gate gate(String file, int maxExamples, double tolerance) {
    return new Gate(new Configuration(false), file, maxExamples, tolerance);
  }

  private Gate.@Nullable Verdict judge(Gate gate, double @Nullable ... losses) {
    return gate.judge(
        (examples, version, base, candidate) -> {
          assertThat(version).isEqualTo(7);
          assertThat(base).isSameAs(BASE);
          assertThat(candidate).isSameAs(CANDIDATE);
          judgedBy = new ArrayList<>(examples);
          return losses;
        },
        7,
        BASE,
        CANDIDATE);
  }

  private static GateExample heldOut(int token) {
    return new GateExample(null, new int[] {token}, "a", null);
  }

  @Test
  void readsConversations() throws IOException {
    judge(gate(file(GOOD, "  ", GOOD), 10, 0), 1, 1);
    assertThat(judgedBy)
        .hasSize(2)
        .containsOnly(new GateExample(
            List.of(
                new GateExample.Message("system", "be brief"),
                new GateExample.Message("user", "wo?")),
            null,
            "Köln",
            null));
  }

  @Test
  void readsNoMoreThanItLooksAt() throws IOException {
    judge(gate(file(GOOD, GOOD, "not looked at"), 2, 0), 1, 1);
    assertThat(judgedBy).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hello",
        "null",
        "[]",
        "{\"messages\": [], \"answer\": \"a\"}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"answer\": \" \"}",
        "{\"messages\": [{\"role\": \"user\"}], \"answer\": \"a\"}",
        "{\"messages\": [{\"content\": \"q\"}], \"answer\": \"a\"}",
        "{\"messages\": [\"q\"], \"answer\": \"a\"}",
        "{\"messages\": \"q\", \"answer\": \"a\"}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"answer\": 5}",
      })
  void namesTheLineThatIsNoExample(String line) throws IOException {
    String file = file(GOOD, "", line);
    assertThatThrownBy(() -> gate(file, 10, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Line 3 of the gate's examples in " + file
                + " is none: each must be {\"messages\": [{\"role\": ..., \"content\": ...}], \"answer\": \"...\"}.");
  }

  @Test
  void namesAFileThatIsNotThere() {
    assertThatThrownBy(() -> gate(directory.resolve("none").toString(), 10, 0))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("Can't read the gate's examples from " + directory.resolve("none"));
  }

  @ParameterizedTest
  @CsvSource({
    "1.0, 1.0, 0, true",
    "1.0, 0.5, 0, true",
    "1.0, 1.1, 0, false",
    "1.0, 1.0625, 0.0625, true",
    "1.0, 1.07, 0.0625, false",
    "1.0, NaN, 9, false",
    "1.0, Infinity, 9, false",
    "NaN, 1.0, 9, false",
  })
  void mayGetWorseByTheTolerance(double before, double after, double tolerance, boolean passed) {
    Gate gate = gate("", 10, tolerance);
    gate.hold(heldOut(1));
    assertThat(judge(gate, before, after)).isEqualTo(new Gate.Verdict(before, after, passed));
  }

  @Test
  void withoutExamplesThereIsNoVerdict() {
    assertThat(judge(gate("", 10, 0), 1, 1)).isNull();
    assertThat(judgedBy).isEmpty();
  }

  @Test
  void withoutUsableExamplesThereIsNoVerdict() {
    Gate gate = gate("", 10, 0);
    gate.hold(heldOut(1));
    assertThat(judge(gate, (double @Nullable []) null)).isNull();
  }

  @Test
  void keepsTheNewestHeldOutExamplesBesideTheFile() throws IOException {
    Gate gate = gate(file(GOOD, GOOD), 3, 0);
    List<GateExample> held = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      held.add(heldOut(i));
      gate.hold(held.get(i));
    }
    judge(gate, 1, 1);
    assertThat(judgedBy).hasSize(5).endsWith(held.get(2), held.get(3), held.get(4));
  }
}
