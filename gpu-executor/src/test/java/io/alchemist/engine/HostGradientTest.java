package io.alchemist.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.train.GradientReport;
import io.alchemist.weights.ParameterId;
import java.util.Map;
import org.junit.jupiter.api.Test;

class HostGradientTest {
  private static HostGradient gradient(ParameterId parameter, int examples, float... values) {
    return new HostGradient(
        Map.of(parameter, values),
        new GradientReport(examples, 2.0 * examples, 3.0 * examples, 4, 5, 6, 7, 1, 8, 9, 10));
  }

  @Test
  void gradientsAndWhatWentIntoThemAddUp() {
    HostGradient first = gradient(ParameterId.HEAD, 1, 1, 2, 3);
    HostGradient sum = first.plus(gradient(ParameterId.HEAD, 2, 10, 20, 30));

    assertThat(sum.values().get(ParameterId.HEAD)).containsExactly(11, 22, 33);
    assertThat(sum.report()).isEqualTo(new GradientReport(3, 6, 9, 8, 10, 12, 14, 2, 16, 18, 20));
    assertThat(first.values().get(ParameterId.HEAD)).containsExactly(1, 2, 3);
  }

  @Test
  void gradientsOfOtherParametersAreRefused() {
    HostGradient head = gradient(ParameterId.HEAD, 1, 1, 2);
    assertThatThrownBy(() -> head.plus(gradient(ParameterId.EMBEDDING, 1, 1, 2)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("they are of different adapters");
    assertThatThrownBy(() -> head.plus(gradient(ParameterId.HEAD, 1, 1)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aGradientThatIsNoNumberIsSeen() {
    assertThat(gradient(ParameterId.HEAD, 1, 1, -2).isFinite()).isTrue();
    assertThat(gradient(ParameterId.HEAD, 1, 1, Float.NaN).isFinite()).isFalse();
    assertThat(gradient(ParameterId.HEAD, 1, Float.NEGATIVE_INFINITY, 1).isFinite())
        .isFalse();
  }
}
