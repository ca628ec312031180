package io.alchemist.files;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.RopeConfig.Llama3Scaling;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * {@code config.json} of a Hugging Face directory, to and from {@link ModelConfig}. What would change the results and is
 * not supported is refused; defaults are those of the library's Llama configuration.
 */
final class HuggingFaceConfig {
  static final String FILE = "config.json";

  private static final int MAX_BYTES = 16 << 20;
  private static final double DEFAULT_NORM_EPSILON = 1e-6;
  private static final double DEFAULT_THETA = 10_000;
  private static final int DEFAULT_MISTRAL_WINDOW = 4096;

  /** Architecture classes by model type: the same mathematics under two names. */
  private static final Map<String, String> CLASSES =
      Map.of("llama", "LlamaForCausalLM", "mistral", "MistralForCausalLM");

  private final Path file;
  private final JsonFields fields;

  private HuggingFaceConfig(Path file) {
    this.file = file;
    this.fields = JsonFields.read(file, MAX_BYTES);
  }

  static ModelConfig read(Path directory) {
    return new HuggingFaceConfig(directory.resolve(FILE)).config();
  }

  private ModelConfig config() {
    String modelType = architecture();
    refuseUnsupported();
    int hiddenSize = fields.integer("hidden_size");
    int heads = fields.integer("num_attention_heads");
    int maxPositions = fields.integer("max_position_embeddings");
    refuseSlidingWindow(modelType, maxPositions);
    try {
      return new ModelConfig(
          modelType,
          fields.integer("vocab_size"),
          hiddenSize,
          fields.integer("num_hidden_layers"),
          heads,
          fields.integer("num_key_value_heads", heads),
          headDim(hiddenSize, heads),
          fields.integer("intermediate_size"),
          (float) fields.number("rms_norm_eps", DEFAULT_NORM_EPSILON),
          rope(),
          maxPositions,
          fields.flag("tie_word_embeddings", false));
    } catch (IllegalArgumentException e) {
      throw new ModelFileException(
          file,
          "the numbers do not fit together",
          String.valueOf(e.getMessage()).replaceFirst("\\.$", ""),
          "Use the configuration that belongs to the weights",
          e);
    }
  }

  private String architecture() {
    String modelType = fields.text("model_type");
    List<String> architectures = fields.texts("architectures");
    String expected = CLASSES.get(modelType);
    if (expected == null || (!architectures.isEmpty() && !architectures.contains(expected))) {
      throw new ModelFileException(
          file,
          "the architecture is " + modelType + " " + architectures,
          "supported are llama [LlamaForCausalLM] and mistral [MistralForCausalLM]",
          "Choose a model of one of these");
    }
    return modelType;
  }

  private void refuseUnsupported() {
    String activation = fields.text("hidden_act", "silu");
    if (!activation.equals("silu")) {
      throw unsupported(
          "hidden_act", "the feed-forward network is SwiGLU, whose activation is silu");
    }
    for (String bias : List.of("attention_bias", "mlp_bias")) {
      if (fields.flag(bias, false)) {
        throw unsupported(bias, "linear layers have no biases here");
      }
    }
    if (!fields.isUnset("quantization_config")) {
      throw unsupported("quantization_config", "weights in safetensors are read unquantised");
    }
    if (fields.number("partial_rotary_factor", 1) != 1) {
      throw unsupported("partial_rotary_factor", "rotary positions turn whole heads");
    }
  }

  /** Within the context, a window as long as the context is none. */
  private void refuseSlidingWindow(String modelType, int maxPositions) {
    boolean absent = !fields.names().contains("sliding_window");
    int window = absent && modelType.equals("mistral") ? DEFAULT_MISTRAL_WINDOW : maxPositions;
    window = fields.integer("sliding_window", window);
    if (window < maxPositions) {
      throw new ModelFileException(
          file,
          "sliding_window is " + window + (absent ? " by default" : ""),
          "attention reaches the whole context here, " + maxPositions + " tokens",
          "Lower max_position_embeddings to " + window + ", which gives the same results");
    }
  }

  private int headDim(int hiddenSize, int heads) {
    if (!fields.has("head_dim") && (heads <= 0 || hiddenSize % heads != 0)) {
      throw new ModelFileException(
          file,
          "hidden_size " + hiddenSize + " does not divide by num_attention_heads " + heads,
          "that is the width of a head where head_dim is not given",
          "Give head_dim, or correct the two");
    }
    return fields.has("head_dim") ? fields.integer("head_dim") : hiddenSize / heads;
  }

  /** Either rope_theta and rope_scaling, or in newer files both in one object, rope_parameters. */
  private RopeConfig rope() {
    JsonFields parameters = fields.object("rope_parameters");
    JsonFields scaling = parameters == null ? fields.object("rope_scaling") : parameters;
    double theta = fields.number("rope_theta", DEFAULT_THETA);
    if (scaling == null) {
      return RopeConfig.plain(theta);
    }
    theta = scaling.number("rope_theta", theta);
    if (scaling.number("partial_rotary_factor", 1) != 1) {
      throw unsupported("rope_parameters", "rotary positions turn whole heads");
    }
    String type = scaling.text("rope_type", scaling.text("type", "default"));
    return switch (type) {
      case "default" -> RopeConfig.plain(theta);
      case "llama3" ->
        new RopeConfig(
            theta,
            new Llama3Scaling(
                positive(scaling, "factor"),
                positive(scaling, "low_freq_factor"),
                positive(scaling, "high_freq_factor"),
                scaling.integer("original_max_position_embeddings")));
      default ->
        throw new ModelFileException(
            file,
            "rotary positions are scaled by '" + type + "'",
            "supported are default and llama3",
            "Choose a model without this scaling");
    };
  }

  private static double positive(JsonFields scaling, String name) {
    double value = scaling.number(name);
    if (!(value > 0) || Double.isInfinite(value)) {
      throw scaling.wrongType(name, "a positive number");
    }
    return value;
  }

  private ModelFileException unsupported(String name, String why) {
    return new ModelFileException(
        file, name + " is " + fields.show(name), why, "Choose a model without it");
  }

  /** Writes the configuration of another directory for weights that are stored as a type. */
  static void writeAs(Path directory, Path original, StorageType type) {
    ObjectNode json = JsonFields.read(original.resolve(FILE), MAX_BYTES).copy();
    json.remove("dtype"); // newer versions of the library name it so
    json.put("torch_dtype", type.torchName());
    JsonFields.write(directory.resolve(FILE), json);
  }

  /** Writes what describes a model of this shape to the library, which knows both architectures' weights as Llama. */
  static void write(
      Path directory, ModelConfig config, StorageType type, Map<String, Integer> tokenIds) {
    ObjectNode json = JsonFields.JSON.createObjectNode();
    json.putArray("architectures").add("LlamaForCausalLM");
    json.put("model_type", "llama")
        .put("vocab_size", config.vocabSize())
        .put("hidden_size", config.hiddenSize())
        .put("intermediate_size", config.ffnSize())
        .put("num_hidden_layers", config.layers())
        .put("num_attention_heads", config.heads())
        .put("num_key_value_heads", config.kvHeads())
        .put("head_dim", config.headDim())
        .put("hidden_act", "silu")
        .put("max_position_embeddings", config.maxPositions())
        // The shortest decimal that reads back as the same float.
        .put("rms_norm_eps", Double.parseDouble(Float.toString(config.normEpsilon())))
        .put("rope_theta", config.rope().theta())
        .put("tie_word_embeddings", config.tiedEmbeddings())
        .put("attention_bias", false)
        .put("mlp_bias", false)
        .put("torch_dtype", type.torchName());
    Llama3Scaling scaling = config.rope().llama3();
    if (scaling == null) {
      json.putNull("rope_scaling");
    } else {
      json.putObject("rope_scaling")
          .put("rope_type", "llama3")
          .put("factor", scaling.factor())
          .put("low_freq_factor", scaling.lowFrequencyFactor())
          .put("high_freq_factor", scaling.highFrequencyFactor())
          .put("original_max_position_embeddings", scaling.originalPositions());
    }
    tokenIds.forEach(json::put);
    JsonFields.write(directory.resolve(FILE), json);
  }
}
