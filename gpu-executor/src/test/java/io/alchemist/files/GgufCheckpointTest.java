package io.alchemist.files;

import static io.alchemist.files.Fixtures.config;
import static io.alchemist.files.Fixtures.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.RopeConfig.Llama3Scaling;
import io.alchemist.weights.WeightNames;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufCheckpointTest {
  private final Path directory;

  GgufCheckpointTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private final ModelConfig config = config(true);
  private final Map<String, float[]> weights = Fixtures.weights(config, 5);
  private final GgufBuilder gguf = GgufBuilder.model(config, weights);

  private Path file() {
    return directory.resolve("model.gguf");
  }

  private ModelConfig open() {
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(gguf.write(file()))) {
      return checkpoint.config();
    }
  }

  private void refuses(String message) {
    assertThatThrownBy(this::open)
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void weightsHaveTheirRowsInOrder(int version) {
    gguf.version = version;
    gguf.write(file());
    try (Checkpoint checkpoint = ModelFiles.open(file())) {
      assertThat(checkpoint.config()).isEqualTo(config);
      assertThat(checkpoint.path()).isEqualTo(file());
      weights.forEach((name, values) ->
          assertThat(Fixtures.read(checkpoint, name, 0, values.length)).isEqualTo(values));
    }
  }

  @Test
  void anyRangeOfAnInterleavedWeightCanBeRead() {
    gguf.write(file());
    Random random = new Random(1);
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(file())) {
      for (LinearLayer linear : List.of(LinearLayer.Q, LinearLayer.K)) {
        String name = WeightNames.linear(1, linear);
        float[] values = get(weights, name);
        for (int i = 0; i < 100; i++) {
          int from = random.nextInt(values.length);
          int to = from + random.nextInt(values.length - from + 1);
          assertThat(Fixtures.read(checkpoint, name, from, to - from))
              .isEqualTo(Arrays.copyOfRange(values, from, to));
        }
        assertThatThrownBy(() -> checkpoint.read(name, values.length - 1, FloatBuffer.allocate(2)))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("are not in it");
      }
      assertThatThrownBy(() -> checkpoint.read("nobody", 0, FloatBuffer.allocate(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has no weight 'nobody'");
    }
  }

  @Test
  void anyRangeOfAQuantisedWeightCanBeRead() {
    // Blocks of 8-bit quants: a scale of one (0x3c00) and 32 signed bytes.
    int blocks = config.vocabSize() * config.hiddenSize() / 32;
    byte[] data = new byte[blocks * 34];
    float[] expected = new float[blocks * 32];
    Random random = new Random(2);
    for (int block = 0; block < blocks; block++) {
      data[block * 34 + 1] = 0x3c;
      for (int i = 0; i < 32; i++) {
        int quant = random.nextInt(256) - 128;
        data[block * 34 + 2 + i] = (byte) quant;
        expected[block * 32 + i] = quant;
      }
    }
    List<Long> shape = List.of((long) config.vocabSize(), (long) config.hiddenSize());
    gguf.tensors.put("token_embd.weight", new GgufBuilder.Tensor(shape, 8, data));
    gguf.write(file());
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(file())) {
      for (int i = 0; i < 100; i++) {
        int from = random.nextInt(expected.length);
        int to = from + random.nextInt(expected.length - from + 1);
        assertThat(Fixtures.read(checkpoint, WeightNames.EMBEDDING, from, to - from))
            .isEqualTo(Arrays.copyOfRange(expected, from, to));
      }
    }
  }

  @Test
  void aStoredOutputLayerMeansThatItIsNotTied() {
    ModelConfig untied = config(false);
    Map<String, float[]> all = Fixtures.weights(untied, 6);
    GgufBuilder.model(untied, all).write(file());
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(file())) {
      assertThat(checkpoint.config()).isEqualTo(untied);
      float[] head = get(all, WeightNames.HEAD);
      assertThat(Fixtures.read(checkpoint, WeightNames.HEAD, 0, head.length)).isEqualTo(head);
    }
  }

  @Test
  void aWeightThatIsNotFiniteIsNamed() {
    get(weights, WeightNames.FINAL_NORM)[7] = Float.NaN;
    GgufBuilder.model(config, weights).write(file());
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(file())) {
      assertThatThrownBy(() -> checkpoint.read(WeightNames.FINAL_NORM, 2, FloatBuffer.allocate(9)))
          .isInstanceOf(ModelFileException.class)
          .hasMessageContaining("element 7 of output_norm.weight is NaN");
    }
  }

  @Test
  void defaultsOfOptionalPairs() {
    gguf.pairs.remove("llama.rope.freq_base");
    gguf.pairs.remove("llama.rope.dimension_count");
    assertThat(open()).isEqualTo(config);
    gguf.pairs.put("llama.attention.key_length", 16);
    gguf.pairs.put("llama.attention.value_length", 16);
    gguf.pairs.put("llama.vocab_size", 40);
    gguf.pairs.put("llama.rope.scaling.type", "none");
    gguf.pairs.put("llama.rope.scaling.factor", 2f);
    assertThat(open()).isEqualTo(config);
  }

  @Test
  void llama3FrequenciesAreRecognised() {
    RopeConfig llama3 = new RopeConfig(10_000, new Llama3Scaling(8, 1, 4, 8192));
    float[] divisors = new float[8];
    double[] plain = config.rope().frequencies(16);
    double[] scaled = llama3.frequencies(16);
    for (int i = 0; i < divisors.length; i++) {
      divisors[i] = (float) (plain[i] / scaled[i]);
    }
    assertThat(divisors[0]).isEqualTo(1);
    assertThat(divisors[7]).isEqualTo(8);
    gguf.floats("rope_freqs.weight", List.of(8L), divisors);
    assertThat(open().rope()).isEqualTo(llama3);
    gguf.pairs.put("llama.rope.scaling.original_context_length", 4096);
    refuses("rope_freqs.weight scales rotary frequencies by up to 8.0: its values are not those"
        + " of Llama 3's scaling of 4096 positions");
  }

  @Test
  void frequenciesDividedByOneAreNotScaled() {
    gguf.floats("rope_freqs.weight", List.of(8L), 1, 1, 1, 1, 1, 1, 1, 1);
    assertThat(open().rope()).isEqualTo(config.rope());
    gguf.floats("rope_freqs.weight", List.of(4L), 1, 1, 1, 1);
    refuses("its values are not those of Llama 3's scaling");
    gguf.floats("rope_freqs.weight", List.of(100_000L), new float[100_000]);
    refuses("rope_freqs.weight has the shape [100000]");
  }

  @Test
  void missingSurplusAndWrongTensorsAreRefused() {
    GgufBuilder.Tensor down = gguf.tensors.remove("blk.1.ffn_down.weight");
    refuses("the weight model.layers.1.mlp.down_proj.weight is missing");
    gguf.tensors.put("blk.1.ffn_down.weight", down);
    gguf.floats("blk.0.attn_q.bias", List.of(64L), new float[64]);
    refuses("1 tensors have no place in the model, first blk.0.attn_q.bias");
    gguf.tensors.remove("blk.0.attn_q.bias");
    gguf.floats("output_norm.weight", List.of(32L), new float[32]);
    refuses("the weight output_norm.weight has the shape [32]: the configuration asks for [64]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "general.architecture|qwen2|general.architecture is qwen2: supported is llama. Choose a model of this architecture.",
        "llama.rope.scaling.type|yarn|rotary positions are scaled by 'yarn'",
        "general.architecture||general.architecture is : supported is llama",
      })
  void aTextThatIsNotSupportedIsRefused(String key, String value, String message) {
    gguf.pairs.put(key, value == null ? "" : value);
    refuses(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama.expert_count|8|it has 8 experts",
        "split.count|2|this is one of 2 parts",
        "llama.rope.dimension_count|8|llama.rope.dimension_count is 8: heads have the width 16",
        "llama.rope.scaling.factor|2|rotary positions are scaled by 'linear', factor 2.0",
        "llama.attention.head_count_kv|3|num_key_value_heads = 3 does not divide",
        "llama.block_count|-1|llama.block_count is 4294967295: it should be a positive 32-bit integer",
        "llama.block_count|2000000000|the weight model.layers.2.input_layernorm.weight is missing",
        "llama.attention.head_count|0|the numbers do not fit together: num_attention_heads = 0 is not positive",
        "general.alignment|0|general.alignment is 0: it is a power of two",
        "general.alignment|48|general.alignment is 48",
      })
  void aNumberThatIsNotSupportedIsRefused(String key, int value, String message) {
    gguf.pairs.put(key, value);
    refuses(message);
  }

  @Test
  void missingAndMistypedPairsAreRefused() {
    gguf.pairs.put("llama.embedding_length", "64");
    refuses("'llama.embedding_length' is 64: it should be an integer");
    gguf.pairs.put("llama.embedding_length", List.of(64, 64));
    refuses("'llama.embedding_length' is of type long[]: it should be an integer");
    gguf.pairs.remove("llama.embedding_length");
    refuses("'llama.embedding_length' is missing: there is no default for it");
  }
}
