package io.alchemist.activation;

import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.SavePlan;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Chooses, layer by layer, what of the activations on the host is loaded and what is computed again: what the link cannot
 * deliver while the layer above is computed is not waited for, unless computing it takes even longer. Says how long the pass
 * should take. Engine thread.
 */
public final class SavePlanner {
  /** Of the time of passes that should be slower with the host, so much is spent on trying it all the same. */
  private static final double TRIED = 0.01;

  private final CostModel costs;
  private final ModelConfig config;
  private final BlockLayout layout;
  private final List<BackwardNeeds> needs;
  private final List<Set<Field>> promptFields;
  private final int partRows;
  private final LongPredicate isOnDisk;
  /** What passes should have taken without the host since one last read it. */
  private double withoutHostSeconds;

  /**
   * For passes of one model.
   *
   * @param needs what backward reads of each layer
   * @param partRows rows that backward computes, and has loaded, at a time
   * @param isOnDisk whether a block of the host has left its memory
   */
  public SavePlanner(
      CostModel costs,
      ModelConfig config,
      BlockLayout layout,
      List<BackwardNeeds> needs,
      int partRows,
      LongPredicate isOnDisk) {
    this.costs = costs;
    this.config = config;
    this.layout = layout;
    this.needs = List.copyOf(needs);
    this.promptFields = BackwardNeeds.promptFields(needs);
    this.partRows = partRows;
    this.isOnDisk = isOnDisk;
  }

  /**
   * A pass that may be run.
   *
   * @param forward rows that it forwards itself
   * @param lastForward the same in the last layer, where only those that predict go all the way
   * @param loss rows with a loss
   * @param backward all rows
   * @param lastBackward the same in the last layer
   * @param own what it keeps of the rows that it forwards
   * @param logged what it reads
   */
  public record Pass(
      Amount forward,
      Amount lastForward,
      Amount loss,
      Amount backward,
      Amount lastBackward,
      SavePlan own,
      List<LoggedRows> logged) {}

  /**
   * What to do.
   *
   * @param load what of each layer is loaded of stretches on the host
   * @param seconds that the pass should take; not a number as long as the costs aren't known
   */
  public record Choice(List<Set<Field>> load, double seconds) {}

  /** Chooses for each layer, from the last to the first, what lets its backward end earliest. */
  public Choice choose(Pass pass) {
    int layers = config.layers();
    List<Set<Field>> chosen = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      chosen.add(EnumSet.allOf(Field.class));
    }
    if (!costs.isKnown()) {
      return new Choice(chosen, Double.NaN);
    }
    List<Double> reads = new ArrayList<>();
    double keysAndValues = keysAndValuesSeconds(pass.logged());
    double forward = 0;
    for (int layer = 0; layer < layers; layer++) {
      reads.add(readSeconds(layer, pass.logged()));
      double compute =
          costs.seconds(Work.FORWARD, layer == layers - 1 ? pass.lastForward() : pass.forward());
      // A layer's keys and values are loaded while the one before is computed.
      forward += Math.max(compute, reads.get(layer) + keysAndValues);
    }
    int parts = parts(pass.logged());
    double inputShare = costs.share(EnumSet.of(LinearLayer.Q, LinearLayer.K, LinearLayer.V));
    Pipeline pipeline = Pipeline.startedAt(forward, parts, loadedShare(pass), inputShare);
    pipeline = pipeline.computed(costs.seconds(Work.LOSS, pass.loss()));
    for (int layer = layers - 1; layer >= 0; layer--) {
      Amount amount = layer == layers - 1 ? pass.lastBackward() : pass.backward();
      double compute = costs.seconds(Work.BACKWARD, amount) + restoreOwn(layer, pass);
      Pipeline best = null;
      for (Set<Field> fields : candidates(layer)) {
        if (!canRestore(layer, fields, pass.logged())) {
          continue;
        }
        Pipeline after = pipeline.layer(
            compute + restoreLogged(layer, fields, pass.logged()),
            reads.get(layer) + loadSeconds(layer, fields, pass.logged(), parts));
        if (best == null || after.now() < best.now()) {
          best = after;
          chosen.set(layer, fields);
        }
      }
      pipeline = Objects.requireNonNull(best, "what was recorded can be restored from all of it");
    }
    return new Choice(chosen, pipeline.now());
  }

  /**
   * Decides whether the next pass reads what the host has, by what it should take with it and without. Now and then it does also
   * where that should be slower: else a host or a disk that was slow for a while would never be seen to be fast again.
   */
  public boolean decideToReadHost(Choice all, Choice deviceOnly) {
    withoutHostSeconds += deviceOnly.seconds();
    boolean reads = all.seconds() - deviceOnly.seconds() <= TRIED * withoutHostSeconds;
    if (reads) {
      withoutHostSeconds = 0;
    }
    return reads;
  }

  /**
   * What may be loaded of a layer: a plan's fields, or all that there is. Stretches that were recorded by different plans may have
   * no plan in common that restores them all.
   */
  private List<Set<Field>> candidates(int layer) {
    List<Set<Field>> candidates = new ArrayList<>();
    for (SavePlan plan : SavePlan.values()) {
      candidates.add(plan.fields(promptFields.get(layer)));
    }
    candidates.add(EnumSet.allOf(Field.class));
    return candidates;
  }

  private double restoreOwn(int layer, Pass pass) {
    boolean last = layer == config.layers() - 1;
    Amount rows = last ? pass.lastForward() : pass.forward();
    Set<Field> needed = needs.get(layer).fields(true);
    Set<Field> missing = BackwardNeeds.missing(needed, pass.own().fields(needed));
    return costs.restoreSeconds(missing, rows.active(), rows.pairs());
  }

  private double restoreLogged(int layer, Set<Field> loaded, List<LoggedRows> logged) {
    if (layer == config.layers() - 1) {
      return 0;
    }
    double seconds = 0;
    for (LoggedRows rows : logged) {
      Set<Field> kept = kept(rows, layer, loaded);
      Set<Field> missing = BackwardNeeds.missing(promptFields.get(layer), kept);
      if (!missing.isEmpty()) {
        seconds += costs.restoreSeconds(missing, rows.count(), rows.pairs());
      }
    }
    return seconds;
  }

  private boolean canRestore(int layer, Set<Field> loaded, List<LoggedRows> logged) {
    for (LoggedRows rows : logged) {
      Set<Field> kept = kept(rows, layer, loaded);
      if (!BackwardNeeds.canRestore(BackwardNeeds.missing(promptFields.get(layer), kept), kept)) {
        return false;
      }
    }
    return true;
  }

  /** Parts in which what is on the host is loaded: stretches that fit one are loaded together. */
  private int parts(List<LoggedRows> logged) {
    int parts = 0;
    int room = 0;
    for (LoggedRows rows : logged) {
      if (!rows.onDevice()) {
        for (int left = rows.count(); left > 0; left -= partRows) {
          int take = Math.min(partRows, left);
          if (take > room) {
            parts++;
            room = partRows;
          }
          room -= take;
        }
      }
    }
    return parts;
  }

  private static double loadedShare(Pass pass) {
    long loaded = pass.logged().stream()
        .filter(rows -> !rows.onDevice())
        .mapToLong(LoggedRows::count)
        .sum();
    return (double) loaded
        / Math.max(1, pass.backward().active() + pass.backward().idle());
  }

  /** Seconds until the blocks of a layer that are on disk have been read: each is read whole, whatever is loaded of it. */
  private double readSeconds(int layer, List<LoggedRows> logged) {
    Set<Long> read = new HashSet<>();
    long bytes = 0;
    for (LoggedRows rows : logged) {
      if (!rows.onDevice() && rows.logged().onHost()) {
        long block = rows.logged().hostBlockId(layer);
        if (isOnDisk.test(block) && read.add(block)) {
          BlockLayout kept = layout.only(rows.logged().hostFieldMask(layer));
          bytes += kept.sizeBytes(rows.logged().count());
        }
      }
    }
    return read.isEmpty() ? 0 : costs.readSeconds(bytes, read.size());
  }

  private double keysAndValuesSeconds(List<LoggedRows> logged) {
    long rows = logged.stream()
        .filter(each -> !each.onDevice())
        .mapToLong(LoggedRows::count)
        .sum();
    return rows == 0 ? 0 : costs.loadSeconds(2L * layout.kvRowBytes() * rows, 1);
  }

  private double loadSeconds(int layer, Set<Field> wanted, List<LoggedRows> logged, int parts) {
    if (parts == 0) {
      return 0;
    }
    boolean last = layer == config.layers() - 1;
    long bytes = 0;
    for (LoggedRows rows : logged) {
      if (!rows.onDevice()) {
        Set<Field> kept = kept(rows, layer, wanted);
        long perRow = 2L * layout.kvRowBytes();
        // The input is read by the second half, and by the first where others are made of it.
        perRow += kept.contains(Field.X) ? Field.X.bytesPerRow(config) : 0;
        perRow += last ? 0 : Activations.bytesPerRow(config, needs.get(layer).readByOutput(kept));
        bytes += perRow * rows.count();
      }
    }
    // Keys and values, and each part for each half.
    return costs.loadSeconds(bytes, 1 + (last ? 1 : 2) * parts);
  }

  /** What there is of a stretch for the backward of a layer, where {@code loaded} is loaded from the host. */
  static Set<Field> kept(LoggedRows rows, int layer, Set<Field> loaded) {
    @Nullable Slab slab = rows.logged().slab();
    if (rows.onDevice() && slab != null) {
      return FieldMask.fields(slab.fieldMask(layer));
    }
    Set<Field> fields =
        FieldMask.fields(rows.logged().onHost() ? rows.logged().hostFieldMask(layer) : 0);
    fields.retainAll(loaded);
    return fields;
  }
}
