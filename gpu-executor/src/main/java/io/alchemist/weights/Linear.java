package io.alchemist.weights;

import io.alchemist.tensor.Weight;
import org.jspecify.annotations.Nullable;

/**
 * A linear layer as the model applies it: y = W x, plus its adapter's share where it has one. A view; owns nothing.
 *
 * @param weight W (outputs, inputs)
 * @param lora the adapter, or null
 */
public record Linear(Weight weight, @Nullable Lora lora) {

  /**
   * An adapter of one linear layer.
   *
   * @param a (rank, inputs)
   * @param b (outputs, rank)
   * @param scale alpha / rank
   */
  public record Lora(Weight a, Weight b, float scale) {}
}
