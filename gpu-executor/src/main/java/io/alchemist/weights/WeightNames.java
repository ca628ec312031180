package io.alchemist.weights;

/** The canonical names of weights: those of Hugging Face's Llama checkpoints. */
public final class WeightNames {
  public static final String EMBEDDING = "model.embed_tokens.weight";
  public static final String FINAL_NORM = "model.norm.weight";
  /** Absent where embeddings are tied. */
  public static final String HEAD = "lm_head.weight";

  private WeightNames() {}

  public static String attentionNorm(int layer) {
    return layer(layer, "input_layernorm");
  }

  public static String ffnNorm(int layer) {
    return layer(layer, "post_attention_layernorm");
  }

  public static String linear(int layer, LinearLayer linear) {
    return layer(layer, linear.module());
  }

  private static String layer(int layer, String module) {
    return "model.layers." + layer + "." + module + ".weight";
  }
}
