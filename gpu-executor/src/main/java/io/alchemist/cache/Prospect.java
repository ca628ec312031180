package io.alchemist.cache;

/**
 * What a request's activations may yet be good for. Whoever hands activations to the {@link PrefixTree} says so by one of these;
 * eviction asks it what they are worth. Engine thread only.
 */
@FunctionalInterface
public interface Prospect {
  /**
   * Seconds that training can be expected to save by the activations of these positions: the chance that it will want them
   * from now on, times what computing them again would take. Finite, and not negative.
   */
  double expectedSeconds(int from, int count);
}
