package io.alchemist.spark.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RouterConfigTest {
  @Test
  void valuesOutOfRangeAreNamed() {
    RouterConfig good = RouterConfig.defaults();
    assertThat(good.at("0.0.0.0", 0).server().host()).isEqualTo("0.0.0.0");
    assertThatThrownBy(() -> good.at("h", 65_536)).hasMessage("port = 65536 is not in [0, 65535].");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 0, 1, 1, 1, 1, 1))
        .hasMessage("maxBodyBytes = 0 is less than 1.");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 1, 0, 1, 1, 1, 1))
        .hasMessage("maxConnections = 0 is less than 1.");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 1, 1, 0, 1, 1, 1))
        .hasMessage("connectTimeoutMillis = 0 is less than 1.");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 1, 1, 1, 0, 1, 1))
        .hasMessage("responseTimeoutMillis = 0 is less than 1.");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 1, 1, 1, 1, 0, 1))
        .hasMessage("idleTimeoutMillis = 0 is less than 1.");
    assertThatThrownBy(() -> new RouterConfig("h", 0, 1, 1, 1, 1, 1, -1))
        .hasMessage("closeTimeoutMillis = -1 is negative; 0 ends answers at once.");
  }
}
