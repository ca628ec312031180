package io.alchemist.weights;

/**
 * The shape of a model of the Llama family: pre-norm decoder layers with grouped-query attention, rotary positions and a
 * SwiGLU feed-forward network, no biases.
 *
 * @param architecture the name the model's files give, e.g. {@code llama}
 * @param vocabSize rows of the embedding table
 * @param hiddenSize width of the residual stream
 * @param layers decoder layers
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim width of one head; even
 * @param ffnSize width of the feed-forward network
 * @param normEpsilon added to the mean square in RMSNorm
 * @param rope rotary positions
 * @param maxPositions longest context in tokens
 * @param tiedEmbeddings whether the output layer is the embedding table
 */
public record ModelConfig(
    String architecture,
    int vocabSize,
    int hiddenSize,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int ffnSize,
    float normEpsilon,
    RopeConfig rope,
    int maxPositions,
    boolean tiedEmbeddings) {

  /**
   * Checks that the numbers fit together.
   *
   * @throws IllegalArgumentException naming the number that does not, why, and what would
   */
  public ModelConfig {
    positive("vocab_size", vocabSize);
    positive("hidden_size", hiddenSize);
    positive("num_hidden_layers", layers);
    positive("num_attention_heads", heads);
    positive("num_key_value_heads", kvHeads);
    positive("head_dim", headDim);
    positive("intermediate_size", ffnSize);
    positive("max_position_embeddings", maxPositions);
    if (heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "num_key_value_heads = "
              + kvHeads
              + " does not divide num_attention_heads = "
              + heads
              + ": each key/value head serves the same number of query heads. Check the model's configuration.");
    }
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException("head_dim = "
          + headDim
          + " is odd: rotary positions turn pairs of values. Check the model's configuration.");
    }
    if (!(normEpsilon >= 0 && normEpsilon < 1)) {
      throw new IllegalArgumentException(
          "rms_norm_eps = " + normEpsilon + " is not in [0, 1). Check the model's configuration.");
    }
    if (!(rope.theta() > 1)) {
      throw new IllegalArgumentException(
          "rope_theta = " + rope.theta() + " is not above 1. Check the model's configuration.");
    }
  }

  private static void positive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          name + " = " + value + " is not positive. Check the model's configuration.");
    }
  }

  /** Width of all query heads together. */
  public int queryDim() {
    return heads * headDim;
  }

  /** Width of all key (or value) heads together. */
  public int kvDim() {
    return kvHeads * headDim;
  }

  /** Number of weights. */
  public long parameters() {
    long layer = 2L * hiddenSize;
    for (LinearLayer linear : LinearLayer.values()) {
      layer += linear.parameters(this);
    }
    return layer * layers + hiddenSize + (tiedEmbeddings ? 1L : 2L) * vocabSize * hiddenSize;
  }
}
