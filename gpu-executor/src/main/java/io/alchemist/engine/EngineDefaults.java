package io.alchemist.engine;

import io.alchemist.model.Activations;
import io.alchemist.serve.SchedulerConfig;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.Trainable;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A configuration for whoever gives none: sizes that follow from the model and the memory there is. */
public final class EngineDefaults {
  private static final int PAGE_TOKENS = 16;
  private static final int MAX_SEQUENCES = 16;
  private static final int MAX_STEP_TOKENS = 512;
  private static final int MAX_QUEUED = 256;
  /** Adapters are small, and what was served at a kept version is trained on exactly and without its forward pass. */
  private static final int KEPT_ADAPTERS = 24;

  private static final int KEPT_TURNS = 10_000;
  /** Keys and values of so many tokens for each sequence are plenty, on the whole. */
  private static final int KV_TOKENS_PER_SEQUENCE = 2048;

  private EngineDefaults() {}

  /**
   * Splits the memory: what the model and the steps need first; of the rest a third for keys and values, and where something
   * is learnt a quarter for activations, which also use half of what keys and values have while those don't need it; and a quarter
   * for activations on the host.
   *
   * @throws io.alchemist.tensor.DeviceMemoryException when the rest holds no context
   */
  public static EngineConfig of(
      ModelConfig model,
      long deviceBytes,
      @Nullable LearningConfig learning,
      Set<Integer> endOfTurn) {
    boolean whole = learning != null && learning.trainable() instanceof Trainable.WholeModel;
    return of(model, deviceBytes, learning, whole ? 0 : KEPT_ADAPTERS, endOfTurn);
  }

  /** Likewise, keeping so many versions besides the live one. */
  public static EngineConfig of(
      ModelConfig model,
      long deviceBytes,
      @Nullable LearningConfig learning,
      int keptVersions,
      Set<Integer> endOfTurn) {
    CacheConfig least = new CacheConfig(PAGE_TOKENS, pages(model.maxPositions()), 0, 0, 0, null);
    EngineConfig bare = config(deviceBytes, least, learning, keptVersions, endOfTurn);
    long rest = deviceBytes - MemoryPlan.of(model, bare).totalBytes();
    long kvTokenBytes = 8L * model.layers() * model.kvDim();
    long plenty = Math.max(model.maxPositions(), (long) MAX_SEQUENCES * KV_TOKENS_PER_SEQUENCE);
    long kvTokens = Math.min(plenty, model.maxPositions() + rest / 3 / kvTokenBytes);
    long activationBytes = learning == null
        ? 0
        : Math.min(rest / 4, Activations.bytesPerRow(model) * model.layers() * kvTokens);
    long floor = learning == null ? kvTokens : Math.max(model.maxPositions(), kvTokens / 2);
    CacheConfig cache = new CacheConfig(
        PAGE_TOKENS,
        pages((int) Math.min(floor, Integer.MAX_VALUE / 2)),
        activationBytes + (kvTokens - floor) * kvTokenBytes,
        activationBytes,
        0,
        null);
    return config(deviceBytes, cache, learning, keptVersions, endOfTurn);
  }

  private static int pages(int tokens) {
    return (tokens + PAGE_TOKENS - 1) / PAGE_TOKENS * PAGE_TOKENS;
  }

  private static EngineConfig config(
      long deviceBytes,
      CacheConfig cache,
      @Nullable LearningConfig learning,
      int keptVersions,
      Set<Integer> endOfTurn) {
    return new EngineConfig(
        deviceBytes,
        cache,
        new SchedulerConfig(MAX_SEQUENCES, MAX_STEP_TOKENS, MAX_QUEUED),
        LatencyTargets.DEFAULT,
        learning,
        keptVersions,
        KEPT_TURNS,
        endOfTurn);
  }
}
