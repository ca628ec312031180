package io.alchemist.spark.conf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

/** {@code conf/spark-defaults.conf.template} names settings that exist, with values that are accepted. */
class SparkDefaultsTemplateTest {
  private static final Path FILE = Path.of("..", "conf", "spark-defaults.conf.template");
  /** A setting, also one that is commented out. */
  private static final Pattern SETTING = Pattern.compile("(?:# )?(spark\\.\\S+)\\s+(\\S.*)");

  private static List<Matcher> settings() throws IOException {
    return Files.readAllLines(FILE).stream()
        .map(SETTING::matcher)
        .filter(Matcher::matches)
        .toList();
  }

  @Test
  void everySettingExistsAndIsAccepted() throws IOException {
    SparkConf conf = new SparkConf(false);
    settings().forEach(setting -> conf.set(setting.group(1), setting.group(2).trim()));
    assertThatCode(() -> AlchemistConf.check(conf)).doesNotThrowAnyException();
    assertThat(conf.get("spark.plugins")).isEqualTo("io.alchemist.spark.AlchemistPlugin");
  }

  @Test
  void whatIsCommentedOutIsTheDefault() throws IOException {
    List<Matcher> commented = settings().stream()
        .filter(setting -> setting.group().startsWith("# spark.alchemist."))
        .toList();
    assertThat(commented).isNotEmpty();
    for (Matcher setting : commented) {
      assertThat(AlchemistConf.all())
          .filteredOn(entry -> entry.key().equals(setting.group(1)))
          .singleElement()
          .extracting(ConfEntry::defaultText)
          .isEqualTo(setting.group(2).trim());
    }
  }
}
