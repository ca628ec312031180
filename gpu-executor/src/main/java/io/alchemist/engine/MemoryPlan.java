package io.alchemist.engine;

import io.alchemist.model.Activations;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightStore;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How the device's memory is split. Made before anything is allocated, so that an impossible wish fails at once and says what
 * takes how much.
 */
public final class MemoryPlan {
  private static final int FLOAT = 4;
  /** Rows that a back end lays out together, at most. */
  private static final long PANEL_ROWS = 32;

  private final Map<String, Long> parts = new LinkedHashMap<>();
  private final long deviceBytes;

  private MemoryPlan(long deviceBytes) {
    this.deviceBytes = deviceBytes;
  }

  /**
   * Adds the parts up.
   *
   * @throws DeviceMemoryException when they exceed the device's memory
   */
  public static MemoryPlan of(ModelConfig model, EngineConfig config) {
    MemoryPlan plan = new MemoryPlan(config.deviceBytes());
    LearningConfig learning = config.learning();
    plan.parts.put("weights", weights(model, config));
    CacheConfig cache = config.cache();
    long page = cache.pageBytes(model);
    plan.parts.put("keys and values", cache.floorPages() * page);
    plan.parts.put("shared with activations", cache.sharedBytes() / page * page);
    plan.parts.put("serving", serving(model, config));
    if (learning != null) {
      plan.parts.put("gradients and optimizer", optimizer(model, learning.trainable()));
      plan.parts.put("training pass", trainer(model, learning));
    }
    if (plan.totalBytes() > plan.deviceBytes) {
      throw new DeviceMemoryException(
          "The memory plan needs " + megabytes(plan.totalBytes()) + ", the device has "
              + megabytes(plan.deviceBytes) + ": " + plan
              + ". Give the engine more device memory, or less to its largest part.");
    }
    return plan;
  }

  private static long weights(ModelConfig model, EngineConfig config) {
    LearningConfig learning = config.learning();
    // Packed rows are rounded up to the width of a tile.
    long base = FLOAT
        * (model.parameters()
            + 2 * PANEL_ROWS * (model.hiddenSize() + model.ffnSize()) * (7L * model.layers() + 2));
    long rotary = (long) FLOAT * model.maxPositions() * model.headDim();
    if (learning == null) {
      return base + rotary;
    }
    Trainable trainable = learning.trainable();
    long versions = config.keptVersions() + (long) trainable.spareVersions();
    return rotary
        + (trainable instanceof Trainable.Adapter adapter
            ? base + (versions + WeightStore.MAX_DRAFTS) * packedAdapter(model, adapter)
            : base * versions);
  }

  /** Like that of the base weights, memory of an adapter's is rounded up to whole panels of rows. */
  private static long packedAdapter(ModelConfig model, Trainable.Adapter adapter) {
    long bytes = 0;
    for (ParameterId id : adapter.parameters(model)) {
      long rows = (id.rows(model, adapter.rank()) + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
      bytes += FLOAT * rows * id.cols(model, adapter.rank());
    }
    return bytes;
  }

  private static long parameters(ModelConfig model, Trainable trainable) {
    return parameters(model, trainable, id -> true);
  }

  private static long parameters(
      ModelConfig model, Trainable trainable, Predicate<ParameterId> counted) {
    return trainable.parameters(model).stream()
        .filter(counted)
        .mapToLong(id -> (long) id.rows(model, trainable.rank()) * id.cols(model, trainable.rank()))
        .sum();
  }

  private static long optimizer(ModelConfig model, Trainable trainable) {
    // Values, two moments, the gradient, that of a job of its own, a draft of an adapter; that of a
    // layer, apart.
    return (trainable instanceof Trainable.Adapter ? 6L : 5L) * FLOAT * parameters(model, trainable)
        + FLOAT * parameters(model, trainable, id -> id.layer() == 0);
  }

  private static long serving(ModelConfig model, EngineConfig config) {
    long rows = config.scheduler().maxStepTokens();
    long sequences = config.scheduler().maxSequences();
    return rows * (Activations.bytesPerRow(model) + layerBytes(model))
        + sequences * FLOAT * (model.vocabSize() + 2L * model.hiddenSize());
  }

  private static long trainer(ModelConfig model, LearningConfig learning) {
    long rows = learning.trainer().microBatchTokens();
    long perRow = Activations.bytesPerRow(model) + 2L * FLOAT * model.kvDim();
    // All layers where nothing is reused; two on their way from the host, one being restored.
    return rows * (perRow * (model.layers() + 3) + 2 * layerBytes(model))
        + (long) FLOAT * learning.trainer().maxLogits();
  }

  /** Intermediate results of a layer, forward or backward, per row. */
  private static long layerBytes(ModelConfig model) {
    return FLOAT
        * (3L * model.ffnSize()
            + 5L * model.hiddenSize()
            + 3L * model.queryDim()
            + 4L * model.kvDim());
  }

  /** Bytes of all parts. */
  public long totalBytes() {
    return parts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Bytes of each part, by name. */
  public Map<String, Long> parts() {
    return Map.copyOf(parts);
  }

  /** What the whole device holds. */
  public long deviceBytes() {
    return deviceBytes;
  }

  @Override
  public String toString() {
    return parts.entrySet().stream()
        .map(e -> e.getKey() + " " + megabytes(e.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static String megabytes(@Nullable Long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", (bytes == null ? 0 : bytes) / (1024.0 * 1024));
  }
}
