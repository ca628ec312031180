package io.alchemist.weights;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * The shape of a LoRA adapter (Hu et al. 2021, arXiv 2106.09685): y = W x + alpha / rank · B A x.
 *
 * @param rank rows of A and columns of B
 * @param alpha strength; the product B A is scaled by alpha / rank
 * @param targets the linear layers that carry one, in every decoder layer
 */
public record LoraSpec(int rank, float alpha, Set<LinearLayer> targets) {

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException naming the one that makes no sense
   */
  public LoraSpec {
    if (rank < 1 || rank > 1024) {
      throw new IllegalArgumentException(
          "LoRA rank = " + rank + " is not in [1, 1024]; 8 or 16 are usual.");
    }
    if (!(alpha > 0) || Float.isInfinite(alpha)) {
      throw new IllegalArgumentException(
          "LoRA alpha = " + alpha + " is not positive; 2 x rank is usual.");
    }
    if (targets.isEmpty()) {
      throw new IllegalArgumentException(
          "LoRA has no target layers, so nothing would be trained; q_proj and v_proj are usual.");
    }
    targets = Collections.unmodifiableSet(EnumSet.copyOf(targets));
  }

  /** alpha / rank. */
  public float scale() {
    return alpha / rank;
  }
}
