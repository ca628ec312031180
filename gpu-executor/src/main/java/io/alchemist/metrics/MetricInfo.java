package io.alchemist.metrics;

import java.util.List;
import java.util.Locale;

/**
 * What is said of a metric in the documentation.
 *
 * @param name as Prometheus sees it
 * @param type what it is
 * @param help one sentence, with the unit
 * @param labels names of its labels, in order
 */
public record MetricInfo(String name, Type type, String help, List<String> labels) {

  /** Kinds of metrics. */
  public enum Type {
    COUNTER,
    GAUGE,
    HISTOGRAM;

    /** As Prometheus writes it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public MetricInfo {
    labels = List.copyOf(labels);
  }
}
