package io.alchemist.activation;

import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.SavePlan;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Chooses, layer by layer, what of the activations on the host is loaded and what is computed again: what the link cannot
 * deliver while the layer above is computed is not waited for, unless computing it takes even longer. Says how long the pass
 * should take. Engine thread.
 */
public final class SavePlanner {
  private final CostModel costs;
  private final ModelConfig config;
  private final BlockLayout layout;
  private final List<BackwardNeeds> needs;
  private final List<Set<Field>> promptFields;

  /**
   * For passes of one model.
   *
   * @param needs what backward reads of each layer
   */
  public SavePlanner(
      CostModel costs, ModelConfig config, BlockLayout layout, List<BackwardNeeds> needs) {
    this.costs = costs;
    this.config = config;
    this.layout = layout;
    this.needs = List.copyOf(needs);
    this.promptFields = BackwardNeeds.promptFields(needs);
  }

  /**
   * A pass that may be run.
   *
   * @param forward rows that it forwards itself
   * @param lastForward the same in the last layer, where only those that predict go all the way
   * @param lossRows rows with a loss
   * @param backward all rows
   * @param lastBackward the same in the last layer
   * @param own what it keeps of the rows that it forwards
   * @param logged what it reads
   */
  public record Pass(
      Amount forward,
      Amount lastForward,
      int lossRows,
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
    List<Set<Field>> load = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      load.add(EnumSet.allOf(Field.class));
    }
    if (!costs.isKnown()) {
      return new Choice(load, Double.NaN);
    }
    double now = (layers - 1) * costs.seconds(Work.FORWARD, pass.forward())
        + costs.seconds(Work.FORWARD, pass.lastForward());
    double loadBegins = now;
    now += costs.seconds(Work.LOSS, new Amount(pass.lossRows(), 0, 0));
    double loaderFree = loadBegins;
    for (int layer = layers - 1; layer >= 0; layer--) {
      Amount amount = layer == layers - 1 ? pass.lastBackward() : pass.backward();
      double compute = costs.seconds(Work.BACKWARD, amount) + restoreOwn(layer, pass);
      double bestEnd = Double.POSITIVE_INFINITY;
      double bestLoaded = loaderFree;
      double bestBegin = now;
      for (SavePlan plan : SavePlan.values()) {
        Set<Field> fields = plan.fields(promptFields.get(layer));
        if (!canRestore(layer, fields, pass.logged())) {
          continue;
        }
        double loaded = Math.max(loadBegins, loaderFree)
            + costs.loadSeconds(hostBytes(layer, fields, pass.logged()));
        double begin = Math.max(now, loaded);
        double end = begin + compute + restoreLogged(layer, fields, pass.logged());
        if (end < bestEnd) {
          bestEnd = end;
          bestLoaded = loaded;
          bestBegin = begin;
          load.set(layer, fields);
        }
      }
      // The layer below is loaded while this one is computed.
      loadBegins = bestBegin;
      loaderFree = bestLoaded;
      now = bestEnd;
    }
    return new Choice(load, now);
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

  private long hostBytes(int layer, Set<Field> wanted, List<LoggedRows> logged) {
    long bytes = 0;
    for (LoggedRows rows : logged) {
      if (!rows.onDevice()) {
        for (Field field : kept(rows, layer, wanted)) {
          bytes += field.bytesPerRow(config) * rows.count();
        }
        bytes += 2L * layout.kvRowBytes() * rows.count();
      }
    }
    return bytes;
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
