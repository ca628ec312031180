package io.alchemist.activation;

import io.alchemist.model.Activations.Field;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * How long the parts of a training pass take on this device, learnt from those that have run. Engine thread.
 */
public final class CostModel {
  /** A part of a pass. */
  public enum Work {
    /** One layer forward. */
    FORWARD,
    /** The loss of some rows. */
    LOSS,
    /** One layer backward, with what it needs restored. */
    BACKWARD
  }

  /**
   * How much there is to do.
   *
   * @param active rows that go through the whole layer
   * @param idle rows of which only keys and values are concerned
   * @param pairs of a query and a key that it sees
   * @param pieces in which it is done one after the other: each has all weights brought from memory
   */
  public record Amount(long active, long idle, long pairs, int pieces) {
    private double[] features() {
      return new double[] {active, pairs, idle, pieces};
    }
  }

  private static final int FEATURES = 4;
  private static final int ROWS = 0;
  private static final int PAIRS = 1;

  private final ModelConfig config;
  private final Map<Work, TimeModel> models = new EnumMap<>(Work.class);
  private final TimeModel loads = new TimeModel(2);
  private final TimeModel reads = new TimeModel(2);

  public CostModel(ModelConfig config) {
    this.config = config;
    for (Work work : Work.values()) {
      models.put(work, new TimeModel(FEATURES));
    }
  }

  private TimeModel model(Work work) {
    TimeModel model = models.get(work);
    if (model == null) {
      throw new IllegalStateException("No costs of " + work);
    }
    return model;
  }

  /** Takes note of a part that has run. */
  public void observe(Work work, Amount amount, long nanos) {
    model(work).observe(nanos, amount.features());
  }

  /** Takes note that a block of so many bytes was read from disk. */
  public void observeRead(long bytes, long nanos) {
    reads.observe(nanos, (double) bytes, 1);
  }

  /** Takes note of a load of so many bytes from the host's memory. */
  public void observeLoad(long bytes, long nanos) {
    loads.observe(nanos, (double) bytes, 1);
  }

  /** See {@link TimeModel#fade}. */
  public void fade(double share) {
    models.values().forEach(model -> model.fade(share));
    loads.fade(share);
    reads.fade(share);
  }

  /** Whether every part of a pass has run at least once. */
  public boolean isKnown() {
    return models.values().stream().allMatch(TimeModel::isTaught);
  }

  /** Seconds that a part should take. */
  public double seconds(Work work, Amount amount) {
    return model(work).predict(amount.features()) * 1e-9;
  }

  /** Seconds to read blocks of so many bytes together from disk; 0 as long as none was read. */
  double readSeconds(long bytes, int count) {
    return reads.predict((double) bytes, count) * 1e-9;
  }

  /** Seconds to load so many bytes from the host's memory in a number of loads; 0 as long as nothing was loaded. */
  public double loadSeconds(long bytes, int count) {
    return loads.predict((double) bytes, count) * 1e-9;
  }

  /**
   * Seconds to compute missing activations again: their share of a layer's forward, by the operations in it.
   *
   * @param pairs of a query and a key that the rows see
   */
  public double restoreSeconds(Set<Field> missing, long rows, long pairs) {
    Set<LinearLayer> products = EnumSet.noneOf(LinearLayer.class);
    for (Field field : missing) {
      switch (field) {
        case Q -> products.add(LinearLayer.Q);
        case MID -> products.add(LinearLayer.O);
        case GATE -> products.add(LinearLayer.GATE);
        case UP -> products.add(LinearLayer.UP);
        case X, ATTENDED, LOG_SUM_EXP -> {}
      }
    }
    TimeModel forward = model(Work.FORWARD);
    double nanos = forward.coefficient(ROWS) * rows * share(products);
    if (missing.contains(Field.ATTENDED)) {
      nanos += forward.coefficient(PAIRS) * pairs;
    }
    return nanos * 1e-9;
  }

  /** Share of some products in those of a layer, by the operations in them. */
  double share(Set<LinearLayer> products) {
    double some = products.stream().mapToDouble(this::flops).sum();
    return some
        / EnumSet.allOf(LinearLayer.class).stream().mapToDouble(this::flops).sum();
  }

  private double flops(LinearLayer linear) {
    return 2.0 * linear.parameters(config);
  }
}
