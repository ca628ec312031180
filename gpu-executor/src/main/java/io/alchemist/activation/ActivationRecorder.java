package io.alchemist.activation;

import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.SavePlan;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Gives the forward pass of a prefill step the memory that will be kept, so that recording costs no pass of its own: each
 * layer writes its activations once, where they stay. What nobody will read in backward gets no memory; neither does what the
 * {@link SavePlan} of a step leaves to be computed again. Engine thread.
 */
public final class ActivationRecorder implements AutoCloseable {
  private final MemoryScope scope;
  private final ModelConfig config;
  private final PrefixTree tree;
  private final List<Set<Field>> needed;
  private final Map<SavePlan, Long> rowBytes = new EnumMap<>(SavePlan.class);
  private final SavePlan richest;
  private long refusedRows;

  /**
   * Records into at most {@code limitBytes} of device memory.
   *
   * @param tree gives up older activations when the limit is reached
   * @param needed what backward reads of the rows of each layer
   * @param richest the plan to record by, where there is room for it
   */
  public ActivationRecorder(
      MemoryScope parent,
      ModelConfig config,
      PrefixTree tree,
      List<Set<Field>> needed,
      SavePlan richest,
      long limitBytes) {
    this.scope = parent.child("activations", limitBytes);
    this.config = config;
    this.tree = tree;
    this.needed = List.copyOf(needed);
    this.richest = richest;
    for (SavePlan plan : SavePlan.values()) {
      rowBytes.put(
          plan,
          needed.stream()
              .mapToLong(fields -> Activations.bytesPerRow(config, plan.fields(fields)))
              .sum());
    }
  }

  /** Bytes that one row of all layers takes by a plan. */
  public long bytesPerRow(SavePlan plan) {
    return rowBytes.getOrDefault(plan, 0L);
  }

  /**
   * Memory for the activations of a step of {@code rows} rows, all layers: by the richest plan of which so many rows fit at all,
   * for which others go that are worth less, if need be; null when there is no room.
   *
   * @param expectedSeconds what these activations can be expected to save; infinite where others are to go in any case
   */
  public @Nullable Slab slab(int rows, double expectedSeconds) {
    // By the same measure for all plans: that a cheaper one saves less must not make it look
    // better.
    double worth = expectedSeconds / (bytesPerRow(richest) * rows);
    for (SavePlan plan : SavePlan.values()) {
      long needs = bytesPerRow(plan) * rows;
      if (plan.compareTo(richest) < 0 || needs > scope.limitBytes()) {
        continue;
      }
      long missing = needs - (scope.limitBytes() - scope.usedBytes());
      if (missing > 0) {
        tree.evictActivations(missing, worth);
      }
      Slab slab = needs > scope.limitBytes() - scope.usedBytes() ? null : allocate(plan, rows);
      if (slab != null) {
        return slab;
      }
    }
    refusedRows += rows;
    return null;
  }

  private @Nullable Slab allocate(SavePlan plan, int rows) {
    @Nullable Tensor[][] tensors = new Tensor[config.layers()][FieldMask.FIELDS.length];
    for (int layer = 0; layer < tensors.length; layer++) {
      try {
        Activations made =
            Activations.allocate(scope, config, rows, plan.fields(needed.get(layer)));
        for (int f = 0; f < FieldMask.FIELDS.length; f++) {
          tensors[layer][f] = made.find(FieldMask.FIELDS[f]);
        }
      } catch (DeviceMemoryException e) { // the device is fuller than the limit promised
        new Slab(rows, tensors).release();
        return null;
      }
    }
    return new Slab(rows, tensors);
  }

  /** What a slab has of one layer. */
  public static Activations layer(Slab slab, int layer) {
    Map<Field, Tensor> fields = new EnumMap<>(Field.class);
    for (int i = 0; i < FieldMask.FIELDS.length; i++) {
      Tensor tensor = slab.field(layer, i);
      if (tensor != null) {
        fields.put(FieldMask.FIELDS[i], tensor);
      }
    }
    return Activations.of(fields);
  }

  /** Rows that were not recorded for want of memory. */
  public long refusedRows() {
    return refusedRows;
  }

  /** Device bytes in use. */
  public long usedBytes() {
    return scope.usedBytes();
  }

  public long limitBytes() {
    return scope.limitBytes();
  }

  @Override
  public void close() {
    scope.close();
  }
}
