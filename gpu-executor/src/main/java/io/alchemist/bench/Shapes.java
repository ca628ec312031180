package io.alchemist.bench;

import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;

/** Models to measure on, of random weights. */
@SuppressWarnings("ImmutableEnumChecker") // a record of numbers
enum Shapes {
  /** 56 million parameters: large enough for matrix products to dominate, small enough for two cores. */
  D512(new ModelConfig(
      "llama", 32_000, 512, 8, 8, 4, 64, 1408, 1e-5f, RopeConfig.plain(10_000), 8192, false)),
  /** The shape of SmolLM2-135M (Allal et al. 2025, arXiv 2502.02737). */
  SMOLLM2(new ModelConfig(
      "llama", 49_152, 576, 30, 9, 3, 64, 1536, 1e-5f, RopeConfig.plain(100_000), 8192, true));

  private final ModelConfig config;

  Shapes(ModelConfig config) {
    this.config = config;
  }

  ModelConfig config() {
    return config;
  }
}
