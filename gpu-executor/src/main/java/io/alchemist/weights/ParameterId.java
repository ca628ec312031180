package io.alchemist.weights;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Names one trainable matrix of a model.
 *
 * @param kind which of a layer's, or the model's, matrices
 * @param layer decoder layer, -1 for what belongs to the whole model
 * @param linear the linear layer, for WEIGHT, LORA_A and LORA_B
 */
public record ParameterId(Kind kind, int layer, @Nullable LinearLayer linear)
    implements Comparable<ParameterId> {

  /** What is trained. */
  public enum Kind {
    /** (vocabulary, hidden) */
    EMBEDDING,
    /** (1, hidden) */
    ATTENTION_NORM,
    /** (1, hidden) */
    FFN_NORM,
    /** (outputs, inputs) */
    WEIGHT,
    /** (rank, inputs) */
    LORA_A,
    /** (outputs, rank) */
    LORA_B,
    /** (1, hidden) */
    FINAL_NORM,
    /** (vocabulary, hidden); none where embeddings are tied */
    HEAD
  }

  private static final Comparator<ParameterId> ORDER = Comparator.comparingInt(ParameterId::layer)
      .thenComparing(ParameterId::linear, Comparator.nullsFirst(Comparator.naturalOrder()))
      .thenComparing(ParameterId::kind);

  public static final ParameterId EMBEDDING = new ParameterId(Kind.EMBEDDING, -1, null);
  public static final ParameterId FINAL_NORM = new ParameterId(Kind.FINAL_NORM, -1, null);
  public static final ParameterId HEAD = new ParameterId(Kind.HEAD, -1, null);

  public static ParameterId attentionNorm(int layer) {
    return new ParameterId(Kind.ATTENTION_NORM, layer, null);
  }

  public static ParameterId ffnNorm(int layer) {
    return new ParameterId(Kind.FFN_NORM, layer, null);
  }

  public static ParameterId weight(int layer, LinearLayer linear) {
    return new ParameterId(Kind.WEIGHT, layer, linear);
  }

  public static ParameterId loraA(int layer, LinearLayer linear) {
    return new ParameterId(Kind.LORA_A, layer, linear);
  }

  public static ParameterId loraB(int layer, LinearLayer linear) {
    return new ParameterId(Kind.LORA_B, layer, linear);
  }

  /** All parameters of the base model, in forward order. */
  public static List<ParameterId> ofModel(ModelConfig config) {
    List<ParameterId> ids = new ArrayList<>();
    ids.add(EMBEDDING);
    for (int layer = 0; layer < config.layers(); layer++) {
      ids.add(attentionNorm(layer));
      for (LinearLayer linear : LinearLayer.values()) {
        if (linear == LinearLayer.GATE) {
          ids.add(ffnNorm(layer));
        }
        ids.add(weight(layer, linear));
      }
    }
    ids.add(FINAL_NORM);
    if (!config.tiedEmbeddings()) {
      ids.add(HEAD);
    }
    return ids;
  }

  /** All parameters of an adapter, in forward order. */
  public static List<ParameterId> ofAdapter(ModelConfig config, LoraSpec spec) {
    List<ParameterId> ids = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (LinearLayer linear : LinearLayer.values()) {
        if (spec.targets().contains(linear)) {
          ids.add(loraA(layer, linear));
          ids.add(loraB(layer, linear));
        }
      }
    }
    return ids;
  }

  /** Rows of the matrix; {@code rank} counts for adapters only. */
  public int rows(ModelConfig config, int rank) {
    return switch (kind) {
      case EMBEDDING, HEAD -> config.vocabSize();
      case ATTENTION_NORM, FFN_NORM, FINAL_NORM -> 1;
      case WEIGHT, LORA_B -> target().outputs(config);
      case LORA_A -> rank;
    };
  }

  /** Columns of the matrix; {@code rank} counts for adapters only. */
  public int cols(ModelConfig config, int rank) {
    return switch (kind) {
      case EMBEDDING, HEAD, ATTENTION_NORM, FFN_NORM, FINAL_NORM -> config.hiddenSize();
      case WEIGHT, LORA_A -> target().inputs(config);
      case LORA_B -> rank;
    };
  }

  /** The name in a Hugging Face checkpoint; adapters have none. */
  public String checkpointName() {
    return switch (kind) {
      case EMBEDDING -> WeightNames.EMBEDDING;
      case HEAD -> WeightNames.HEAD;
      case FINAL_NORM -> WeightNames.FINAL_NORM;
      case ATTENTION_NORM -> WeightNames.attentionNorm(layer);
      case FFN_NORM -> WeightNames.ffnNorm(layer);
      case WEIGHT -> WeightNames.linear(layer, target());
      case LORA_A, LORA_B -> throw new IllegalStateException(this + " is not part of a checkpoint");
    };
  }

  /** The linear layer that WEIGHT, LORA_A and LORA_B name. */
  public LinearLayer target() {
    if (linear == null) {
      throw new IllegalStateException(kind + " names no linear layer");
    }
    return linear;
  }

  @Override
  public int compareTo(ParameterId other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return kind
        + (layer < 0 ? "" : " of layer " + layer)
        + (linear == null ? "" : " " + linear.shortName());
  }
}
