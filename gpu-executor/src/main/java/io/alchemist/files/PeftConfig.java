package io.alchemist.files;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.LinearLayer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code adapter_config.json} of the {@code peft} library: the plain LoRA part of it. Every option that changes what the
 * matrices mean is refused.
 */
record PeftConfig(int rank, float alpha, Set<LinearLayer> targets) {
  static final String FILE = "adapter_config.json";

  private static final int MAX_BYTES = 1 << 20;
  private static final int MAX_RANK = 1 << 16;

  /** Options that are supported only where they are off. */
  private static final List<String> UNSUPPORTED = List.of(
      "use_dora",
      "use_rslora",
      "use_qalora",
      "rank_pattern",
      "alpha_pattern",
      "modules_to_save",
      "layers_to_transform",
      "layer_replication",
      "fan_in_fan_out",
      "lora_bias",
      "exclude_modules",
      "target_parameters",
      "trainable_token_indices",
      "alora_invocation_tokens");
  /** Ways to begin that leave the model's own weights as they are; others change them. */
  private static final Set<String> INITIALISATIONS = Set.of("gaussian", "orthogonal", "eva");

  static PeftConfig read(Path directory) {
    Path file = directory.resolve(FILE);
    JsonFields fields = JsonFields.read(file, MAX_BYTES);
    refuseUnless(file, fields, "peft_type", "LORA");
    refuseUnless(file, fields, "bias", "none");
    for (String option : UNSUPPORTED) {
      if (!fields.isUnset(option)) {
        throw unsupported(file, fields, option);
      }
    }
    // A string here names an initialisation, true and false the default ones.
    String initialisation =
        fields.isText("init_lora_weights") ? fields.text("init_lora_weights") : "gaussian";
    if (!INITIALISATIONS.contains(initialisation)) {
      throw unsupported(file, fields, "init_lora_weights");
    }
    int rank = fields.integer("r");
    float alpha = (float) fields.number("lora_alpha");
    if (rank < 1 || rank > MAX_RANK) {
      throw fields.wrongType("r", "1 to " + MAX_RANK);
    }
    if (!(alpha > 0) || Float.isInfinite(alpha)) {
      throw fields.wrongType("lora_alpha", "a positive number");
    }
    return new PeftConfig(rank, alpha, targets(file, fields));
  }

  private static Set<LinearLayer> targets(Path file, JsonFields fields) {
    Set<LinearLayer> targets = EnumSet.noneOf(LinearLayer.class);
    for (String name : fields.texts("target_modules")) {
      try {
        targets.add(LinearLayer.named(name));
      } catch (IllegalArgumentException e) {
        throw new ModelFileException(
            file,
            "target_modules names '" + name + "'",
            "adapters are applied to linear layers of the decoder, q_proj to down_proj",
            "Train the adapter on some of these only",
            e);
      }
    }
    if (targets.isEmpty()) {
      throw fields.wrongType("target_modules", "a list of at least one of q_proj to down_proj");
    }
    return Collections.unmodifiableSet(targets);
  }

  private static void refuseUnless(Path file, JsonFields fields, String name, String expected) {
    if (!fields.text(name, expected).equals(expected)) {
      throw new ModelFileException(
          file,
          name + " is " + fields.show(name),
          "supported is " + expected,
          "Export the adapter as plain LoRA");
    }
  }

  private static ModelFileException unsupported(Path file, JsonFields fields, String option) {
    return new ModelFileException(
        file,
        option + " is " + fields.show(option),
        "this changes what the matrices mean, and only plain LoRA is supported",
        "Train the adapter without it, or merge it into the model");
  }

  /** Writes the fields that the library needs, the rest at its defaults. */
  static void write(Path directory, AdapterData adapter, @Nullable String baseModel) {
    ObjectNode json = JsonFields.JSON.createObjectNode();
    json.put("peft_type", "LORA")
        .put("task_type", "CAUSAL_LM")
        .put("base_model_name_or_path", baseModel)
        .put("r", adapter.rank());
    // The library's own files have an integer here where it is one.
    if (adapter.alpha() == Math.rint(adapter.alpha()) && adapter.alpha() < Integer.MAX_VALUE) {
      json.put("lora_alpha", (int) adapter.alpha());
    } else {
      json.put("lora_alpha", Double.parseDouble(Float.toString(adapter.alpha())));
    }
    json.put("lora_dropout", 0.0)
        .put("bias", "none")
        .put("fan_in_fan_out", false)
        .put("inference_mode", true)
        .put("init_lora_weights", true)
        .put("use_dora", false)
        .put("use_rslora", false)
        .putNull("modules_to_save")
        .putNull("layers_to_transform")
        .putNull("layers_pattern")
        .putNull("revision");
    json.putObject("rank_pattern");
    json.putObject("alpha_pattern");
    ArrayNode targets = json.putArray("target_modules");
    adapter.targets().forEach(target -> targets.add(target.shortName()));
    JsonFields.write(directory.resolve(FILE), json);
  }
}
