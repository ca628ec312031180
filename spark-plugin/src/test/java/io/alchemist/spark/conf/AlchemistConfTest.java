package io.alchemist.spark.conf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.LoraSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class AlchemistConfTest {
  private static final Set<String> TYPES =
      Set.of("text", "path", "integer", "number", "size", "time");

  static Stream<ConfEntry<?>> entries() {
    return AlchemistConf.all().stream();
  }

  private static SparkConf conf(String... keysAndValues) {
    SparkConf conf = new SparkConf(false).set(AlchemistConf.MODEL.key(), "/models/small");
    for (int i = 0; i < keysAndValues.length; i += 2) {
      conf.set(keysAndValues[i], keysAndValues[i + 1]);
    }
    return conf;
  }

  @ParameterizedTest
  @MethodSource("entries")
  void everySettingIsWhole(ConfEntry<?> entry) {
    assertThat(entry.key()).matches("spark\\.alchemist\\.[a-z]+(\\.[a-z][a-zA-Z]+)?");
    assertThat(entry.doc()).matches("[A-Z].*\\.").doesNotContain("|", "\n", "  ");
    assertThat(entry.type()).isIn(TYPES);
    if (entry.defaultText() != null) {
      assertThat((Object) entry.in(new SparkConf(false))).isNotNull();
    }
  }

  @Test
  void onlyTheModelHasNoDefault() {
    assertThat(entries().filter(entry -> entry.defaultText() == null))
        .containsExactly(AlchemistConf.MODEL);
  }

  @Test
  void noKeyIsDeclaredTwice() {
    assertThat(entries().map(ConfEntry::key)).doesNotHaveDuplicates();
    assertThat(entries().count()).isBetween(20L, 40L);
  }

  @Test
  void everyConstantIsListed() throws IllegalAccessException {
    long constants = 0;
    for (var field : AlchemistConf.class.getDeclaredFields()) {
      if (field.getType() == ConfEntry.class) {
        assertThat(AlchemistConf.all()).contains((ConfEntry<?>) field.get(null));
        constants++;
      }
    }
    assertThat(AlchemistConf.all()).hasSize((int) constants);
  }

  @Test
  void tellsWhatIsSet() {
    assertThat(AlchemistConf.check(
            conf("spark.alchemist.lora.rank", "8", "spark.app.name", "none of ours")))
        .hasSize(2)
        .containsEntry("spark.alchemist.lora.rank", "8")
        .containsEntry("spark.alchemist.model", "/models/small");
  }

  @Test
  void asksForAModel() {
    assertThatThrownBy(() -> AlchemistConf.check(new SparkConf(false)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "spark.alchemist.model is not set, and there is no default. The model:");
  }

  @ParameterizedTest
  @CsvSource({
    "spark.alchemist.modle, spark.alchemist.model",
    "spark.alchemist.lora.rnak, spark.alchemist.lora.rank",
    "spark.alchemist.learningRate, spark.alchemist.train.learningRate",
    "spark.alchemist.memory.devices, spark.alchemist.memory.device",
    "spark.alchemist., spark.alchemist.model"
  })
  void suggestsTheNearestKey(String unknown, String nearest) {
    assertThatThrownBy(() -> AlchemistConf.check(conf(unknown, "1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "%s is no setting of Alchemist. Did you mean %s? docs/configuration.md lists all.",
            unknown, nearest);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "executors.min | 0 | an integer of at least 1",
        "executors.min | two | an integer of at least 1",
        "executors.min | 99999999999 | an integer of at least 1",
        "router.port | 65536 | an integer from 0 to 65535",
        "lora.rank | 2000 | an integer from 1 to 1024",
        "lora.alpha | NaN | a number from 0.000001 to 1000000",
        "gate.holdoutFraction | 2 | a number from 0 to 0.5",
        "gate.tolerance | -1 | a number of at least 0",
        "memory.device | lots | a size such as 512m or 4g",
        "memory.device | -1g | a size such as 512m or 4g",
        "executors.startTimeout | soon | a time such as 500ms, 10s or 5min",
        "executors.startTimeout | -1s | a time such as 500ms, 10s or 5min",
        "turns.interval | 0 | a time such as 500ms, 10s or 5min, of at least 10ms",
        "warehouse | '' | a path",
      })
  void refusesWhatMakesNoSense(String key, String value, String expectation) {
    String fallback = entries()
        .filter(entry -> entry.key().equals("spark.alchemist." + key))
        .map(ConfEntry::defaultText)
        .findFirst()
        .orElseThrow();
    assertThatThrownBy(() -> AlchemistConf.check(conf("spark.alchemist." + key, value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "spark.alchemist.%s = %s is not %s. Leave it out for the default, %s.",
            key, value, expectation, fallback);
  }

  @Test
  void anEmptyModelIsNone() {
    assertThatThrownBy(() -> AlchemistConf.check(conf("spark.alchemist.model", " ")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("spark.alchemist.model =  is not a path.");
  }

  @Test
  void readsUnitsAndSpaces() {
    SparkConf conf = conf(
        "spark.alchemist.memory.device", " 2g ",
        "spark.alchemist.executors.startTimeout", "3min",
        "spark.alchemist.turns.interval", "250");
    assertThat(AlchemistConf.DEVICE_MEMORY.in(conf)).isEqualTo(2L << 30);
    assertThat(AlchemistConf.START_TIMEOUT.in(conf)).isEqualTo(180_000);
    assertThat(AlchemistConf.TURN_INTERVAL.in(conf)).isEqualTo(250);
  }

  @Test
  void givesTheAdapterItsShape() {
    assertThat(AlchemistConf.lora(conf(
            "spark.alchemist.lora.rank", "4",
            "spark.alchemist.lora.alpha", "8",
            "spark.alchemist.lora.targets", "q_proj, v_proj")))
        .isEqualTo(new LoraSpec(4, 8, Set.of(LinearLayer.Q, LinearLayer.V)));
  }

  @ParameterizedTest
  @CsvSource({"'q_proj,'", "''", "'proj'"})
  void namesTheLayersThatThereAre(String targets) {
    assertThatThrownBy(() -> AlchemistConf.check(conf("spark.alchemist.lora.targets", targets)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("spark.alchemist.lora.targets: No linear layer is called '")
        .hasMessageContaining("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
  }

  /** In error texts, comments and documentation. */
  @Test
  void everyKeyThatIsNamedAnywhereExists() throws IOException {
    Pattern named = Pattern.compile("spark\\.alchemist(\\.[a-z][a-zA-Z]*)+");
    Set<String> known = entries().map(ConfEntry::key).collect(Collectors.toSet());
    List<String> unknown = new ArrayList<>();
    for (String folder : List.of("src/main/java", "../docs", "../conf")) {
      try (Stream<Path> files = Files.walk(Path.of(folder))) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          named
              .matcher(Files.readString(file))
              .results()
              .map(MatchResult::group)
              .filter(
                  key -> known.stream().noneMatch(k -> k.equals(key) || k.startsWith(key + ".")))
              .forEach(key -> unknown.add(key + " in " + file));
        }
      }
    }
    assertThat(unknown).isEmpty();
  }
}
