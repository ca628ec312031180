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

  /** Of what the model and the steps leave: parts are whole pages. */
  private static final double USED_SHARE = 0.95;

  private static final double KV_SHARE = 1 / 3.0;
  private static final double HOST_SHARE = 0.25;

  private static final int KEPT_TURNS = 10_000;
  /** Keys and values of so many tokens for each sequence are plenty, on the whole. */
  private static final int KV_TOKENS_PER_SEQUENCE = 2048;

  private EngineDefaults() {}

  /**
   * Splits the memory of an engine alone: what the model and the steps need first; of the rest a third for keys and values,
   * where something is learnt a quarter for activations on the host, which is the same memory here, and what is left for
   * activations on the device. They also use half of what keys and values have while those don't need it.
   *
   * @throws io.alchemist.tensor.DeviceMemoryException when the rest holds no context
   */
  public static EngineConfig of(
      ModelConfig model,
      long memoryBytes,
      @Nullable LearningConfig learning,
      Set<Integer> endOfTurn) {
    boolean whole = learning != null && learning.trainable() instanceof Trainable.WholeModel;
    return of(model, memoryBytes, HOST_SHARE, learning, whole ? 0 : KEPT_ADAPTERS, endOfTurn);
  }

  /** Splits a device's memory likewise, where whoever calls sees to the host's, keeping so many versions besides the live one. */
  public static EngineConfig of(
      ModelConfig model,
      long deviceBytes,
      LearningConfig learning,
      int keptVersions,
      Set<Integer> endOfTurn) {
    return of(model, deviceBytes, 0, learning, keptVersions, endOfTurn);
  }

  private static EngineConfig of(
      ModelConfig model,
      long memoryBytes,
      double hostShare,
      @Nullable LearningConfig learning,
      int keptVersions,
      Set<Integer> endOfTurn) {
    CacheConfig least = new CacheConfig(PAGE_TOKENS, pages(model.maxPositions()), 0, 0, 0, null);
    EngineConfig bare = config(memoryBytes, least, learning, keptVersions, endOfTurn);
    long rest = (long) (USED_SHARE * (memoryBytes - MemoryPlan.of(model, bare).totalBytes()));
    long kvTokenBytes = 8L * model.layers() * model.kvDim();
    long plenty = Math.max(model.maxPositions(), (long) MAX_SEQUENCES * KV_TOKENS_PER_SEQUENCE);
    long kvTokens =
        Math.min(plenty, model.maxPositions() + (long) (KV_SHARE * rest) / kvTokenBytes);
    long kvBytes = (kvTokens - model.maxPositions()) * kvTokenBytes;
    long hostBytes = 0;
    long activationBytes = 0;
    long floor = kvTokens;
    if (learning != null) {
      long most = Activations.bytesPerRow(model) * model.layers() * kvTokens;
      hostBytes = Math.min((long) (hostShare * rest), most);
      activationBytes = Math.min(rest - kvBytes - hostBytes, most);
      floor = Math.max(model.maxPositions(), kvTokens / 2);
    }
    CacheConfig cache = new CacheConfig(
        PAGE_TOKENS,
        Math.max(
            least.kvTokens(),
            (int) Math.min(floor, Integer.MAX_VALUE / 2) / PAGE_TOKENS * PAGE_TOKENS),
        activationBytes + (kvTokens - floor) * kvTokenBytes,
        hostBytes,
        0,
        null);
    return config(memoryBytes, cache, learning, keptVersions, endOfTurn);
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
