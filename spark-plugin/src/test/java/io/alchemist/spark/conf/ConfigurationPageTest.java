package io.alchemist.spark.conf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigurationPageTest {
  private static final Path FILE = Path.of("..", "docs", "configuration.md");

  @Test
  void thePageSaysWhatTheCodeSays() throws IOException {
    String page = ConfigurationPage.text();
    if (Boolean.getBoolean("alchemist.update-docs")) {
      Files.writeString(FILE, page);
    }
    assertThat(FILE)
        .as("docs/configuration.md is stale. Write it anew with: mvn -pl spark-plugin -am test"
            + " -Dtest=ConfigurationPageTest -Dsurefire.failIfNoSpecifiedTests=false"
            + " -Dalchemist.update-docs=true")
        .hasContent(page);
  }

  @Test
  void everySettingHasItsLine() {
    assertThat(
            ConfigurationPage.text().lines().filter(line -> line.startsWith("| `spark.alchemist.")))
        .hasSameSizeAs(AlchemistConf.all());
    assertThat(ConfigurationPage.text())
        .contains("| `spark.alchemist.model` | required | path | ")
        .contains("| `spark.alchemist.gate.examples` | empty | text | ")
        .contains("| `spark.alchemist.lora.rank` | `16` | integer | ");
  }
}
