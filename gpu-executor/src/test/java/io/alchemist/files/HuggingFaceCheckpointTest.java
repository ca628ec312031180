package io.alchemist.files;

import static io.alchemist.files.Fixtures.config;
import static io.alchemist.files.Fixtures.edit;
import static io.alchemist.files.Fixtures.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.RopeConfig.Llama3Scaling;
import io.alchemist.weights.WeightNames;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceCheckpointTest {
  private final Path directory;

  HuggingFaceCheckpointTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private Map<String, float[]> save(ModelConfig config) {
    Map<String, float[]> weights = Fixtures.weights(config, 3);
    HuggingFaceCheckpoint.write(
        directory, Fixtures.source(config, weights), StorageType.F32, Map.of("eos_token_id", 2));
    return weights;
  }

  private void editConfig(String old, String replacement) {
    edit(directory.resolve("config.json"), old, replacement);
  }

  private ModelConfig open() {
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(directory)) {
      return checkpoint.config();
    }
  }

  private void refuses(String message) {
    assertThatThrownBy(this::open)
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @EnumSource
  void comesBackAsWritten(StorageType type) {
    for (boolean tied : new boolean[] {true, false}) {
      ModelConfig config = config(tied);
      Map<String, float[]> weights = Fixtures.weights(config, 3);
      HuggingFaceCheckpoint.write(
          directory, Fixtures.source(config, weights), type, Map.of("eos_token_id", 2));
      try (Checkpoint checkpoint = ModelFiles.open(directory)) {
        assertThat(checkpoint.config()).isEqualTo(config);
        assertThat(checkpoint.path()).isEqualTo(directory);
        weights.forEach((name, values) ->
            assertThat(Fixtures.read(checkpoint, name, 0, values.length)).isEqualTo(values));
        assertThatThrownBy(() -> checkpoint.read("nobody", 0, FloatBuffer.allocate(1)))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("has no weight 'nobody'");
      }
    }
  }

  @Test
  void otherFilesOfTheDirectoryStay() throws Exception {
    Files.writeString(directory.resolve("tokenizer.json"), "{}");
    save(config(true));
    assertThat(directory.resolve("tokenizer.json")).hasContent("{}");
    try (var files = Files.list(directory)) {
      assertThat(files).hasSize(3);
    }
    assertThat(directory.resolve("config.json"))
        .content()
        .contains("\"LlamaForCausalLM\"", "\"eos_token_id\" : 2", "\"rms_norm_eps\" : 1.0E-5");
  }

  @Test
  void withOtherWeightsTheRestStaysAsItIs() throws Exception {
    Map<String, float[]> stored = save(config(false));
    Files.writeString(directory.resolve("tokenizer.json"), "{}");
    Files.writeString(directory.resolve("chat_template.jinja"), "{{ messages }}");
    Files.writeString(directory.resolve("notes.md"), "of no use to anybody");
    editConfig("\"float32\"", "\"bfloat16\", \"dtype\" : \"bfloat16\"");
    Map<String, float[]> other = Fixtures.weights(config(false), 4);
    Path target = directory.resolve("trained").resolve("model");
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(directory)) {
      checkpoint.writeWith(target, Fixtures.source(config(false), other));
      assertThatThrownBy(() -> checkpoint.writeWith(target, checkpoint))
          .isInstanceOf(ModelFileException.class)
          .hasMessageContaining("it exists already");
    }
    assertThat(target.resolve("tokenizer.json")).hasContent("{}");
    assertThat(target.resolve("chat_template.jinja")).hasContent("{{ messages }}");
    assertThat(target.resolve("config.json"))
        .content()
        .contains("\"torch_dtype\" : \"float32\"", "\"eos_token_id\" : 2")
        .doesNotContain("bfloat16");
    try (var files = Files.list(target)) {
      assertThat(files).hasSize(4);
    }
    try (Checkpoint written = ModelFiles.open(target)) {
      assertThat(written.config()).isEqualTo(config(false));
      other.forEach((name, values) ->
          assertThat(Fixtures.read(written, name, 0, values.length)).isEqualTo(values));
    }
    try (Checkpoint before = ModelFiles.open(directory)) {
      stored.forEach((name, values) ->
          assertThat(Fixtures.read(before, name, 0, values.length)).isEqualTo(values));
    }
  }

  @Test
  void readsShards() throws Exception {
    Map<String, float[]> weights = save(config(false));
    Files.delete(directory.resolve("model.safetensors"));
    Map<String, List<Long>> shapes = WeightShapes.of(config(false));
    Map<String, List<Long>> first = new LinkedHashMap<>();
    Map<String, List<Long>> second = new LinkedHashMap<>();
    StringBuilder index = new StringBuilder("{\"metadata\":{},\"weight_map\":{");
    shapes.forEach((name, shape) -> {
      boolean even = index.length() % 2 == 0;
      (even ? first : second).put(name, shape);
      index.append("\"%s\":\"%s.safetensors\",".formatted(name, even ? "a-1" : "b-2"));
    });
    index.setCharAt(index.length() - 1, '}');
    assertThat(first).isNotEmpty();
    assertThat(second).isNotEmpty();
    Fixtures.tensors(directory.resolve("a-1.safetensors"), weights, first);
    Fixtures.tensors(directory.resolve("b-2.safetensors"), weights, second);
    Path indexFile = directory.resolve("model.safetensors.index.json");
    Files.writeString(indexFile, index + "}");
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(directory)) {
      weights.forEach((name, values) ->
          assertThat(Fixtures.read(checkpoint, name, 0, values.length)).isEqualTo(values));
    }
    assertThatThrownBy(() -> save(config(false)))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("shards of another model lie there");

    String wrongShard = Files.readString(indexFile).replace("a-1", "b-2");
    Files.writeString(indexFile, wrongShard);
    refuses("says that it is in this file");
    Files.writeString(indexFile, wrongShard.replace("b-2", "c-3"));
    refuses("c-3.safetensors: there is no such file");
    Files.writeString(indexFile, wrongShard.replace("b-2", "../b-2"));
    refuses("a shard is a .safetensors file in the same directory");
    Files.writeString(indexFile, "{}");
    refuses("'weight_map' is missing");
  }

  @Test
  void aStoredOutputLayerIsIgnoredWhereItIsTied() {
    save(config(false));
    editConfig("\"tie_word_embeddings\" : false", "\"tie_word_embeddings\" : true");
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(directory)) {
      assertThat(checkpoint.config().tiedEmbeddings()).isTrue();
      assertThatThrownBy(() -> checkpoint.read(WeightNames.HEAD, 0, FloatBuffer.allocate(1)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aMissingOutputLayerIsAnErrorWhereItIsNotTied() {
    save(config(true));
    editConfig("\"tie_word_embeddings\" : true", "\"tie_word_embeddings\" : false");
    refuses("the weight lm_head.weight is missing");
  }

  @Test
  void aWeightOfAnotherShapeIsRefused() {
    save(config(true));
    editConfig("\"intermediate_size\" : 96", "\"intermediate_size\" : 95");
    refuses("mlp.gate_proj.weight has the shape [96, 64]: the configuration asks for [95, 64]");
  }

  @Test
  void missingAndSurplusLayersAreRefused() {
    save(config(true));
    editConfig("\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 2000000000");
    refuses("the weight model.layers.2.input_layernorm.weight is missing");
    editConfig("\"num_hidden_layers\" : 2000000000", "\"num_hidden_layers\" : 1");
    refuses("9 tensors have no place in the model, first model.layers.1.");
  }

  @Test
  void biasesAreRefusedAndStoredFrequenciesIgnored() {
    Map<String, float[]> weights = new HashMap<>(save(config(true)));
    Map<String, List<Long>> shapes = new LinkedHashMap<>(WeightShapes.of(config(true)));
    shapes.put("model.layers.0.self_attn.rotary_emb.inv_freq", List.of(8L));
    weights.put("model.layers.0.self_attn.rotary_emb.inv_freq", new float[8]);
    Fixtures.tensors(directory.resolve("model.safetensors"), weights, shapes);
    assertThat(open()).isEqualTo(config(true));
    shapes.put("model.layers.0.self_attn.q_proj.bias", List.of(64L));
    weights.put("model.layers.0.self_attn.q_proj.bias", new float[64]);
    Fixtures.tensors(directory.resolve("model.safetensors"), weights, shapes);
    refuses("1 tensors have no place in the model, first model.layers.0.self_attn.q_proj.bias");
  }

  @Test
  void aWeightThatIsNotFiniteIsNamed() {
    Map<String, float[]> weights = save(config(true));
    get(weights, WeightNames.FINAL_NORM)[5] = Float.NEGATIVE_INFINITY;
    assertThatThrownBy(() -> HuggingFaceCheckpoint.write(
            directory, Fixtures.source(config(true), weights), StorageType.F32, Map.of()))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("element 5 of model.norm.weight is -Infinity");
  }

  @Test
  void adirectoryWithoutWeightsNamesWhatIsThere() throws Exception {
    save(config(true));
    Files.move(directory.resolve("model.safetensors"), directory.resolve("pytorch_model.bin"));
    refuses(
        "there is neither model.safetensors nor model.safetensors.index.json: weights are read from safetensors"
            + " files only, not from pytorch_model.bin. Complete the download, or save the model with"
            + " safe_serialization=True.");
    Files.delete(directory.resolve("config.json"));
    refuses("config.json: there is no such file");
  }

  @Test
  void optionalFieldsHaveTheirDefaults() {
    save(config(true));
    editConfig("\"head_dim\" : 16,", "");
    editConfig("\"hidden_act\" : \"silu\",", "");
    editConfig("\"rope_scaling\" : null,", "");
    editConfig("\"attention_bias\" : false,", "");
    editConfig("\"rope_theta\" : 10000.0,", "");
    assertThat(open()).isEqualTo(config(true));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 64}",
        "\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}",
        "\"rope_parameters\": {\"rope_theta\": 10000, \"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 64}"
      })
  void llama3ScalingIsReadInAllItsForms(String field) {
    save(config(true));
    editConfig("\"rope_scaling\" : null", field);
    assertThat(open().rope()).isEqualTo(new RopeConfig(10_000, new Llama3Scaling(8, 1, 4, 64)));
  }

  @Test
  void llama3ScalingComesBackAsWritten() {
    ModelConfig plain = config(true);
    RopeConfig rope = new RopeConfig(5e5, new Llama3Scaling(32, 1, 4, 8192));
    ModelConfig config =
        new ModelConfig("llama", 40, 64, 2, 4, 2, 16, 96, plain.normEpsilon(), rope, 128, true);
    save(config);
    assertThat(open()).isEqualTo(config);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"model_type\" : \"llama\"|\"model_type\" : \"gpt2\"|the architecture is gpt2 [LlamaForCausalLM]: supported are llama [LlamaForCausalLM] and mistral [MistralForCausalLM]. Choose a model of one of these.",
        "\"LlamaForCausalLM\"|\"LlamaForSequenceClassification\"|the architecture is llama [LlamaForSequenceClassification]",
        "\"model_type\" : \"llama\",||'model_type' is missing",
        "\"silu\"|\"gelu\"|hidden_act is \"gelu\": the feed-forward network is SwiGLU",
        "\"attention_bias\" : false|\"attention_bias\" : true|attention_bias is true: linear layers have no biases here",
        "\"mlp_bias\" : false|\"mlp_bias\" : true|mlp_bias is true",
        "\"rope_scaling\" : null|\"rope_scaling\" : {\"type\": \"linear\", \"factor\": 2.0}|rotary positions are scaled by 'linear': supported are default and llama3",
        "\"rope_scaling\" : null|\"rope_scaling\" : {\"rope_type\": \"llama3\"}|'rope_scaling.factor' is missing",
        "\"rope_scaling\" : null|\"partial_rotary_factor\" : 0.5|partial_rotary_factor is 0.5",
        "\"rope_scaling\" : null|\"quantization_config\" : {\"bits\": 4}|quantization_config is {\"bits\":4}",
        "\"rope_scaling\" : null|\"sliding_window\" : 64|sliding_window is 64: attention reaches the whole context here, 128 tokens. Lower max_position_embeddings to 64",
        "\"hidden_size\" : 64|\"hidden_size\" : \"64\"|'hidden_size' is \"64\": it should be a 32-bit integer",
        "\"hidden_size\" : 64|\"hidden_size\" : 99999999999|'hidden_size' is 99999999999",
        "\"num_key_value_heads\" : 2|\"num_key_value_heads\" : 3|num_key_value_heads = 3 does not divide num_attention_heads = 4",
        "\"vocab_size\" : 40|\"vocab_size\" : 0|vocab_size = 0 is not positive",
        "\"vocab_size\" : 40,|\"vocab_size\" : 40|the JSON text is broken at byte",
      })
  void aConfigurationThatIsNotSupportedIsRefused(String old, String replacement, String message) {
    save(config(true));
    editConfig(old, replacement == null ? "" : replacement);
    refuses(message);
  }

  @Test
  void mistralIsLlamaWithoutItsWindow() {
    save(config(true));
    editConfig("\"model_type\" : \"llama\"", "\"model_type\" : \"mistral\"");
    editConfig("\"LlamaForCausalLM\"", "\"MistralForCausalLM\"");
    assertThat(open().architecture()).isEqualTo("mistral");
    editConfig("\"max_position_embeddings\" : 128", "\"max_position_embeddings\" : 32768");
    refuses("sliding_window is 4096 by default: attention reaches the whole context here");
    editConfig("\"rope_scaling\" : null", "\"sliding_window\" : null");
    assertThat(open().maxPositions()).isEqualTo(32_768);
  }
}
