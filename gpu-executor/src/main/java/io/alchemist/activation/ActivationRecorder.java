package io.alchemist.activation;

import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.SavePlan;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Gives the forward pass of a prefill step the memory that will be kept, so that recording costs no pass of its own: each
 * layer writes its activations once, where they stay. What nobody will read in backward gets no memory; neither does what the
 * step's {@link Mixture} of plans leaves to be computed again. Engine thread.
 */
public final class ActivationRecorder {
  private final DeviceArena arena;
  private final PrefixTree tree;
  /** The richest first; each takes less than the one before. */
  private final List<Mixture> mixtures;

  private long refusedRows;

  /**
   * A way to record a step: the first layers by a {@link SavePlan}, the others by the richer one before it, since backward needs
   * those first.
   *
   * @param columns of each layer's fields; 0 for what its plan leaves out
   * @param rowBytes bytes that a row of all layers takes
   */
  @SuppressWarnings("ArrayRecordComponent") // made once, never compared
  private record Mixture(int[][] columns, long rowBytes) {}

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
    this.tree = tree;
    this.mixtures = mixtures(config, needed, richest);
  }

  /** From the richest plan everywhere to {@link SavePlan#D} everywhere, layer by layer; layers share their columns. */
  private static List<Mixture> mixtures(
      ModelConfig config, List<Set<Field>> needed, SavePlan richest) {
    List<Set<Field>> kept = new ArrayList<>();
    needed.forEach(fields -> kept.add(richest.fields(fields)));
    int[][] columns = new int[needed.size()][];
    Arrays.setAll(columns, layer -> columns(config, kept.get(layer)));
    long rowBytes = kept.stream()
        .mapToLong(fields -> Activations.bytesPerRow(config, fields))
        .sum();
    List<Mixture> mixtures = new ArrayList<>(List.of(new Mixture(columns, rowBytes)));
    for (SavePlan plan : EnumSet.range(richest, SavePlan.D)) {
      for (int layer = 0; layer < needed.size(); layer++) {
        Set<Field> fewer = plan.fields(needed.get(layer));
        long saved = Activations.bytesPerRow(config, kept.get(layer))
            - Activations.bytesPerRow(config, fewer);
        // Where little is needed, a cheaper plan may keep as much.
        if (saved > 0) {
          kept.set(layer, fewer);
          rowBytes -= saved;
          columns = columns.clone();
          columns[layer] = columns(config, fewer);
          mixtures.add(new Mixture(columns, rowBytes));
        }
      }
    }
    return List.copyOf(mixtures);
  }

  private static int[] columns(ModelConfig config, Set<Field> kept) {
    int[] columns = new int[FieldMask.FIELDS.length];
    Arrays.setAll(
        columns, f -> kept.contains(FieldMask.FIELDS[f]) ? FieldMask.FIELDS[f].width(config) : 0);
    return columns;
  }

  /**
   * Memory for the activations of a step of {@code rows} rows, all layers: by the richest mixture of which so many rows fit at all,
   * for which others go that are worth less, if need be; else by the richest that the memory then free holds; null when there
   * is no room.
   *
   * @param expectedSeconds what these activations can be expected to save; infinite where others are to go in any case
   */
  public @Nullable Slab slab(int rows, double expectedSeconds) {
    // By the same measure for all mixtures: that a cheaper one saves less must not make it look
    // better.
    double worth = expectedSeconds / (mixtures.get(0).rowBytes * rows);
    int richest = richestWithin(arena.activationLimitBytes(), rows);
    Slab slab = richest < mixtures.size() ? slab(mixtures.get(richest), rows, worth) : null;
    if (slab == null) {
      slab = slabOfRoom(richest + 1, rows);
    }
    if (slab == null) {
      refusedRows += rows;
    }
    return slab;
  }

  private @Nullable Slab slab(Mixture mixture, int rows, double worth) {
    Slab slab = tryTake(mixture, rows);
    // With twice the bytes free, it is their being scattered that makes them useless.
    while (slab == null
        && arena.activationRoomBytes() < 2 * mixture.rowBytes * rows
        && tree.evictForActivations(worth)) {
      slab = tryTake(mixture, rows);
    }
    return slab;
  }

  /** By the richest mixture, from the given one on, that fits into what is free. */
  private @Nullable Slab slabOfRoom(int from, int rows) {
    int last = mixtures.size() - 1;
    int at = Math.max(from, richestWithin(arena.activationRoomBytes(), rows));
    Slab slab = null;
    // Only trying tells how much less than their bytes scattered blocks hold. Steps that double
    // are few, however many layers there are.
    for (int step = 1; slab == null && at <= last; step *= 2) {
      slab = tryTake(mixtures.get(at), rows);
      at = at < last ? Math.min(last, at + step) : last + 1;
    }
    return slab;
  }

  private @Nullable Slab tryTake(Mixture mixture, int rows) {
    return mixture.rowBytes * rows <= arena.activationRoomBytes()
        ? arena.slab(rows, mixture.columns)
        : null;
  }

  /** Index of the richest mixture that takes no more than {@code bytes}; behind the last when none does. */
  private int richestWithin(long bytes, int rows) {
    int from = 0;
    int to = mixtures.size();
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (mixtures.get(middle).rowBytes * rows <= bytes) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    return from;
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
