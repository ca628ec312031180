package io.alchemist.activation;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Gives the forward pass of a prefill step the memory that will be kept, so that recording costs no pass of its own: each
 * layer writes its activations once, where they stay. Engine thread.
 */
public final class ActivationRecorder {
  private final DeviceArena arena;
  private final ModelConfig config;
  private final PrefixTree tree;
  private long refusedRows;

  /**
   * Records into what an arena has for activations.
   *
   * @param tree gives up what is older when that is full
   */
  public ActivationRecorder(DeviceArena arena, ModelConfig config, PrefixTree tree) {
    this.arena = arena;
    this.config = config;
    this.tree = tree;
  }

  /** Memory for the activations of a step of {@code rows} rows, all layers; null when there is no room for them. */
  public @Nullable Slab slab(int rows) {
    long needed = Activations.bytesPerRow(config) * rows * config.layers();
    Slab slab = null;
    if (needed <= arena.activationLimitBytes()) {
      int[][] cols = cols();
      slab = arena.slab(rows, cols);
      // With twice the bytes free, it is their being scattered that makes them useless.
      while (slab == null
          && arena.activationRoomBytes() < 2 * needed
          && tree.evictForActivations()) {
        slab = arena.slab(rows, cols);
      }
    }
    if (slab == null) {
      refusedRows += rows;
    }
    return slab;
  }

  private int[][] cols() {
    Activations.Field[] fields = Activations.Field.values();
    int[][] cols = new int[config.layers()][fields.length];
    for (int[] layer : cols) {
      Arrays.setAll(layer, f -> fields[f].width(config));
    }
    return cols;
  }

  /** One layer of a slab. */
  public static Activations layer(Slab slab, int layer) {
    Tensor[] fields = new Tensor[slab.fields()];
    for (int i = 0; i < fields.length; i++) {
      fields[i] = slab.field(layer, i);
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
