package io.alchemist.activation;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.SavePlan;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Gives the forward pass of a prefill step the memory that will be kept, so that recording costs no pass of its own: each
 * layer writes its activations once, where they stay. What nobody will read in backward gets no memory; neither does what the
 * {@link SavePlan} of a step leaves to be computed again. Engine thread.
 */
public final class ActivationRecorder {
  private final DeviceArena arena;
  private final ModelConfig config;
  private final PrefixTree tree;
  private final Map<SavePlan, Long> rowBytes = new EnumMap<>(SavePlan.class);
  /** By layer and field; 0 for what a plan leaves out. */
  private final Map<SavePlan, int[][]> columns = new EnumMap<>(SavePlan.class);

  private final SavePlan richest;
  private long refusedRows;

  /**
   * Records into what an arena has for activations.
   *
   * @param tree gives up what is worth least when that is full
   * @param needed what backward reads of the rows of each layer
   * @param richest the plan to record by, where there is room for it
   */
  public ActivationRecorder(
      DeviceArena arena,
      ModelConfig config,
      PrefixTree tree,
      List<Set<Field>> needed,
      SavePlan richest) {
    this.arena = arena;
    this.config = config;
    this.tree = tree;
    this.richest = richest;
    for (SavePlan plan : SavePlan.values()) {
      columns.put(plan, columns(plan, needed));
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
      if (plan.compareTo(richest) >= 0
          && bytesPerRow(plan) * rows <= arena.activationLimitBytes()) {
        Slab slab = slab(plan, rows, worth);
        if (slab != null) {
          return slab;
        }
      }
    }
    refusedRows += rows;
    return null;
  }

  private @Nullable Slab slab(SavePlan plan, int rows, double worth) {
    int[][] cols = Objects.requireNonNull(columns.get(plan));
    Slab slab = arena.slab(rows, cols);
    // With twice the bytes free, it is their being scattered that makes them useless.
    while (slab == null
        && arena.activationRoomBytes() < 2 * bytesPerRow(plan) * rows
        && tree.evictForActivations(worth)) {
      slab = arena.slab(rows, cols);
    }
    return slab;
  }

  private int[][] columns(SavePlan plan, List<Set<Field>> needed) {
    int[][] cols = new int[config.layers()][FieldMask.FIELDS.length];
    for (int layer = 0; layer < cols.length; layer++) {
      Set<Field> kept = plan.fields(needed.get(layer));
      for (int f = 0; f < FieldMask.FIELDS.length; f++) {
        cols[layer][f] = kept.contains(FieldMask.FIELDS[f]) ? FieldMask.FIELDS[f].width(config) : 0;
      }
    }
    return cols;
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

  /** Whether there is any memory to record into. */
  public boolean canRecord() {
    return arena.activationLimitBytes() > 0;
  }
}
