package io.alchemist.weights;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The linear layers of one decoder layer, in forward order. Each may carry a LoRA adapter. */
public enum LinearLayer {
  Q("self_attn.q_proj"),
  K("self_attn.k_proj"),
  V("self_attn.v_proj"),
  O("self_attn.o_proj"),
  GATE("mlp.gate_proj"),
  UP("mlp.up_proj"),
  DOWN("mlp.down_proj");

  private final String module;

  LinearLayer(String module) {
    this.module = module;
  }

  /** The module's name inside a decoder layer, as Hugging Face spells it, e.g. {@code self_attn.q_proj}. */
  public String module() {
    return module;
  }

  /** The last part of the module's name, as adapter configurations list it, e.g. {@code q_proj}. */
  public String shortName() {
    return module.substring(module.indexOf('.') + 1);
  }

  /** Rows of the weight: the number of outputs. */
  public int outputs(ModelConfig config) {
    return switch (this) {
      case Q -> config.queryDim();
      case K, V -> config.kvDim();
      case O, DOWN -> config.hiddenSize();
      case GATE, UP -> config.ffnSize();
    };
  }

  /** Columns of the weight: the number of inputs. */
  public int inputs(ModelConfig config) {
    return switch (this) {
      case Q, K, V, GATE, UP -> config.hiddenSize();
      case O -> config.queryDim();
      case DOWN -> config.ffnSize();
    };
  }

  /** Elements of the weight, and multiply-adds for each row that goes through it. */
  public long parameters(ModelConfig config) {
    return (long) outputs(config) * inputs(config);
  }

  /**
   * The layer with the given {@link #shortName}.
   *
   * @throws IllegalArgumentException when there is none
   */
  public static LinearLayer named(String shortName) {
    for (LinearLayer layer : values()) {
      if (layer.shortName().equals(shortName)) {
        return layer;
      }
    }
    throw new IllegalArgumentException("No linear layer is called '"
        + shortName
        + "': the model has "
        + Arrays.stream(values()).map(LinearLayer::shortName).collect(Collectors.joining(", "))
        + ". Name some of these.");
  }
}
