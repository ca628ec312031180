package io.alchemist.metrics;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Supplier;

/**
 * All metrics of one name, one for each combination of label values. Thread-safe. {@link #labels} looks up and may
 * allocate: keep what it returns where it is used often.
 */
public final class Family<M> {
  private static final Comparator<List<String>> ORDER = (a, b) -> {
    for (int i = 0; i < a.size(); i++) {
      int order = a.get(i).compareTo(b.get(i));
      if (order != 0) {
        return order;
      }
    }
    return 0;
  };

  private final MetricInfo info;
  private final Supplier<M> factory;
  private final Map<List<String>, M> members = new ConcurrentSkipListMap<>(ORDER);

  Family(MetricInfo info, Supplier<M> factory) {
    this.info = info;
    this.factory = factory;
  }

  /**
   * The metric with these label values, made when first asked for. Values should be few and known: each combination
   * lives until the process ends.
   *
   * @throws IllegalArgumentException if there are not as many values as labels
   */
  public M labels(String... values) {
    if (values.length != info.labels().size()) {
      throw new IllegalArgumentException("Metric " + info.name() + " has the labels "
          + info.labels() + ", but was given the values " + Arrays.toString(values) + ".");
    }
    return members.computeIfAbsent(List.of(values), key -> factory.get());
  }

  /** What is said of it. */
  public MetricInfo info() {
    return info;
  }

  /** Members by label values, in their order. */
  Map<List<String>, M> members() {
    return members;
  }

  M newMember() {
    return factory.get();
  }
}
