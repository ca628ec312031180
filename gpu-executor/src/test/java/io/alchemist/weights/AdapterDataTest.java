package io.alchemist.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AdapterDataTest {
  private final ModelConfig config =
      new ModelConfig("llama", 9, 8, 2, 2, 1, 4, 12, 1e-5f, RopeConfig.plain(1e4), 16, true);
  private final TreeMap<Site, Factors> factors = new TreeMap<>();

  private void put(int layer, LinearLayer linear, int a, int b) {
    factors.put(new Site(layer, linear), new Factors(new float[a], new float[b]));
  }

  private AdapterData adapter() {
    return new AdapterData(2, 3, factors);
  }

  @Test
  void sitesAreInForwardOrder() {
    put(1, LinearLayer.Q, 16, 16);
    put(0, LinearLayer.DOWN, 24, 16);
    put(1, LinearLayer.DOWN, 24, 16);
    put(0, LinearLayer.Q, 16, 16);
    AdapterData adapter = adapter();
    factors.clear();
    assertThat(adapter.factors().keySet())
        .containsExactly(
            new Site(0, LinearLayer.Q),
            new Site(0, LinearLayer.DOWN),
            new Site(1, LinearLayer.Q),
            new Site(1, LinearLayer.DOWN));
    assertThat(adapter.targets()).containsExactly(LinearLayer.Q, LinearLayer.DOWN);
    assertThat(adapter.scale()).isEqualTo(1.5f);
    adapter.checkFits(config);
  }

  @Test
  void whatIsNoAdapterIsRefused() {
    assertThatThrownBy(this::adapter)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("The adapter has no matrices");
    put(0, LinearLayer.Q, 15, 16);
    assertThatThrownBy(this::adapter)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "matrices of 15 and 16 elements, which are no multiples of the rank 2");
    assertThatThrownBy(() -> new AdapterData(0, 1, factors))
        .hasMessageContaining("LoRA rank 0 and alpha 1.0 must both be positive");
    assertThatThrownBy(() -> new AdapterData(1, Float.NaN, factors))
        .hasMessageContaining("alpha NaN");
  }

  @Test
  void anAdapterOfAnotherModelDoesNotFit() {
    put(0, LinearLayer.K, 16, 8);
    assertThatThrownBy(() -> adapter().checkFits(config))
        .hasMessageContaining("layer=1, linear=K] has no matrices, though other layers have them");
    put(1, LinearLayer.K, 16, 10);
    assertThatThrownBy(() -> adapter().checkFits(config))
        .hasMessageContaining("matrices of 16 and 10 elements, the model needs 16 and 8");
    put(1, LinearLayer.K, 16, 8);
    put(2, LinearLayer.K, 16, 8);
    assertThatThrownBy(() -> adapter().checkFits(config))
        .hasMessageContaining("matrices for layers 0 to 2, the model has 2");
  }
}
