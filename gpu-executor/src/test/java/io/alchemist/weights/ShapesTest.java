package io.alchemist.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.alchemist.weights.RopeConfig.Llama3Scaling;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Shapes of models and adapters, and the names of their parts. */
class ShapesTest {
  private static final ModelConfig MODEL = WeightsFixture.MODEL;

  // ---- adapters

  @ParameterizedTest
  @CsvSource({"0", "-1", "1025"})
  void aRankHasBounds(int rank) {
    assertThatThrownBy(() -> new LoraSpec(rank, 8, Set.of(LinearLayer.Q)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("LoRA rank = " + rank + " is not in [1, 1024]; 8 or 16 are usual.");
  }

  @ParameterizedTest
  @CsvSource({"0", "-1", "NaN", "Infinity"})
  void alphaIsPositive(float alpha) {
    assertThatThrownBy(() -> new LoraSpec(8, alpha, Set.of(LinearLayer.Q)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("LoRA alpha = " + alpha + " is not positive; 2 x rank is usual.");
  }

  @Test
  void anAdapterHasTargets() {
    assertThatThrownBy(() -> new LoraSpec(8, 8, Set.of()))
        .hasMessage("LoRA has no target layers, so nothing would be trained; q_proj and v_proj are"
            + " usual.");
    EnumSet<LinearLayer> targets = EnumSet.of(LinearLayer.Q);
    LoraSpec spec = new LoraSpec(8, 16, targets);
    targets.add(LinearLayer.V);
    assertThat(spec.targets()).as("a copy").containsExactly(LinearLayer.Q);
    assertThat(spec.scale()).isEqualTo(2);
  }

  // ---- models

  private static ModelConfig model(int vocabulary, int heads, int kvHeads, int headDim, float eps) {
    return new ModelConfig(
        "llama",
        vocabulary,
        8,
        2,
        heads,
        kvHeads,
        headDim,
        12,
        eps,
        RopeConfig.plain(10_000),
        16,
        true);
  }

  @Test
  void numbersOfAModelFitTogether() {
    assertThatThrownBy(() -> model(0, 2, 1, 4, 0))
        .hasMessage("vocab_size = 0 is not positive. Check the model's configuration.");
    assertThatThrownBy(() -> model(20, 3, 2, 4, 0))
        .hasMessageStartingWith("num_key_value_heads = 2 does not divide num_attention_heads = 3");
    assertThatThrownBy(() -> model(20, 2, 1, 5, 0))
        .hasMessageStartingWith("head_dim = 5 is odd: rotary positions turn pairs of values.");
    assertThatThrownBy(() -> model(20, 2, 1, 4, 1))
        .hasMessageStartingWith("rms_norm_eps = 1.0 is not in [0, 1).");
    assertThatThrownBy(() -> model(20, 2, 1, 4, Float.NaN))
        .hasMessageStartingWith("rms_norm_eps = NaN is not in [0, 1).");
    assertThatThrownBy(
            () -> new ModelConfig("llama", 20, 8, 2, 2, 1, 4, 12, 0, RopeConfig.plain(1), 16, true))
        .hasMessageStartingWith("rope_theta = 1.0 is not above 1.");
  }

  @Test
  void parametersAreCounted() {
    for (boolean tied : new boolean[] {true, false}) {
      ModelConfig model =
          new ModelConfig("llama", 20, 8, 2, 4, 2, 6, 12, 0, RopeConfig.plain(100), 16, tied);
      long counted = 0;
      for (ParameterId id : ParameterId.ofModel(model)) {
        counted += (long) id.rows(model, 0) * id.cols(model, 0);
      }
      assertThat(counted).isEqualTo(model.parameters());
    }
  }

  // ---- rotary positions

  @Test
  void plainFrequenciesFallByPowersOfTheta() {
    double[] frequencies = RopeConfig.plain(10_000).frequencies(8);
    assertThat(frequencies).hasSize(4);
    assertThat(frequencies[0]).isEqualTo(1);
    assertThat(frequencies[1]).isCloseTo(0.1, within(1e-12));
    assertThat(frequencies[3]).isCloseTo(0.001, within(1e-12));
  }

  @Test
  void longWavesAreStretchedShortOnesKept() {
    RopeConfig plain = RopeConfig.plain(500_000);
    double[] before = plain.frequencies(128);
    double[] after = new RopeConfig(500_000, new Llama3Scaling(8, 1, 4, 8192)).frequencies(128);
    for (int i = 0; i < 64; i++) {
      double waves = 8192 * before[i] / (2 * Math.PI);
      if (waves > 4) {
        assertThat(after[i]).isEqualTo(before[i]);
      } else if (waves < 1) {
        assertThat(after[i]).isEqualTo(before[i] / 8);
      } else {
        assertThat(after[i]).isBetween(before[i] / 8, before[i]);
      }
      if (i > 0) {
        assertThat(after[i]).as("still falling").isLessThan(after[i - 1]);
      }
    }
    assertThat(after[0]).isEqualTo(1);
    assertThat(after[63]).isEqualTo(before[63] / 8);
  }

  // ---- parameters

  @Test
  void parametersComeInForwardOrderWithoutRepeats() {
    LoraSpec all = new LoraSpec(2, 2, EnumSet.allOf(LinearLayer.class));
    List<ParameterId> adapter = ParameterId.ofAdapter(MODEL, all);
    assertThat(adapter).hasSize(2 * 7 * 2).doesNotHaveDuplicates();
    assertThat(new ArrayList<>(new TreeSet<>(adapter))).isEqualTo(adapter);
    List<ParameterId> model = ParameterId.ofModel(MODEL);
    assertThat(model).hasSize(1 + 2 * 9 + 1).doesNotHaveDuplicates();
    assertThat(new TreeSet<>(model)).as("none equal to another in order").hasSameSizeAs(model);
    List<ParameterId> shuffled = new ArrayList<>(adapter);
    Collections.reverse(shuffled);
    Collections.sort(shuffled);
    assertThat(shuffled).isEqualTo(adapter);
  }

  @Test
  void eachHasItsShapeAndName() {
    ParameterId a = ParameterId.loraA(1, LinearLayer.DOWN);
    assertThat(a.rows(MODEL, 3)).isEqualTo(3);
    assertThat(a.cols(MODEL, 3)).isEqualTo(12);
    ParameterId b = ParameterId.loraB(1, LinearLayer.DOWN);
    assertThat(b.rows(MODEL, 3)).isEqualTo(8);
    assertThat(b.cols(MODEL, 3)).isEqualTo(3);
    ParameterId k = ParameterId.weight(0, LinearLayer.K);
    assertThat(k.rows(MODEL, 0)).isEqualTo(4);
    assertThat(k.cols(MODEL, 0)).isEqualTo(8);
    assertThat(k.checkpointName()).isEqualTo("model.layers.0.self_attn.k_proj.weight");
    assertThat(k).hasToString("WEIGHT of layer 0 k_proj");
    assertThat(ParameterId.FINAL_NORM).hasToString("FINAL_NORM");
    assertThatThrownBy(a::checkpointName)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("LORA_A of layer 1 down_proj is not part of a checkpoint");
    assertThatThrownBy(ParameterId.EMBEDDING::target).hasMessage("EMBEDDING names no linear layer");
  }

  // ---- random weights

  private static float[] read(WeightSource source, ParameterId id, long offset, int count) {
    float[] values = new float[count];
    source.read(id.checkpointName(), offset, FloatBuffer.wrap(values));
    return values;
  }

  @Test
  void randomWeightsAreTheSameHoweverTheyAreRead() {
    RandomWeights source = new RandomWeights(MODEL, 5);
    ParameterId id = ParameterId.weight(1, LinearLayer.UP);
    float[] whole = read(source, id, 0, 96);
    assertThat(read(source, id, 40, 7)).isEqualTo(Arrays.copyOfRange(whole, 40, 47));
    assertThat(read(new RandomWeights(MODEL, 5), id, 0, 96)).isEqualTo(whole);
    assertThat(read(new RandomWeights(MODEL, 6), id, 0, 96)).isNotEqualTo(whole);
    assertThat(read(source, ParameterId.weight(0, LinearLayer.UP), 0, 96)).isNotEqualTo(whole);
  }

  @Test
  void randomWeightsHaveTheirDeviation() {
    ModelConfig large =
        new ModelConfig("llama", 500, 64, 8, 2, 1, 4, 12, 0, RopeConfig.plain(100), 16, true);
    RandomWeights source = new RandomWeights(large, 5, 2);
    assertThat(deviation(read(source, ParameterId.EMBEDDING, 0, 32_000)))
        .isCloseTo(0.04, within(0.002));
    assertThat(deviation(read(source, ParameterId.weight(0, LinearLayer.DOWN), 0, 768)))
        .as("0.02 / sqrt(16), twice")
        .isCloseTo(0.01, within(0.001));
    assertThat(read(source, ParameterId.FINAL_NORM, 0, 64)).containsOnly(1);
    assertThatThrownBy(() -> source.read("lm_head.weight", 0, FloatBuffer.allocate(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("This model has no weight 'lm_head.weight'");
  }

  private static double deviation(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum / values.length);
  }
}
