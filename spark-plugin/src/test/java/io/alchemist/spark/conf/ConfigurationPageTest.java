package io.alchemist.spark.conf;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.spark.GeneratedPage;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class ConfigurationPageTest {
  @Test
  void thePageSaysWhatTheCodeSays() throws IOException {
    GeneratedPage.check("configuration.md", ConfigurationPage.text(), ConfigurationPageTest.class);
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
