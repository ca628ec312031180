package io.alchemist.metrics;

import java.util.List;
import java.util.NavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * The metrics of one process, each declared once with its help text. Declaring the same metric again gives the same one
 * back; declaring another under a name that is taken is an error. Thread-safe.
 */
public final class Metrics {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*");

  private final NavigableMap<String, Family<?>> families = new ConcurrentSkipListMap<>();

  /** A counter; its name ends in {@code _total}. */
  public Counter counter(String name, String help) {
    return counters(name, help).labels();
  }

  /** Counters that differ in labels. */
  public Family<Counter> counters(String name, String help, String... labels) {
    return declare(
        MetricInfo.Type.COUNTER, name, help, List.of(labels), Counter.class, Counter::new);
  }

  /** A gauge that is read when somebody asks; a later declaration replaces the source. */
  public void gauge(String name, String help, DoubleSupplier source) {
    gauges(name, help).labels().follow(source);
  }

  /** Gauges that differ in labels. */
  public Family<Gauge> gauges(String name, String help, String... labels) {
    return declare(MetricInfo.Type.GAUGE, name, help, List.of(labels), Gauge.class, Gauge::new);
  }

  /** A histogram; its name ends in its unit. */
  public Histogram histogram(String name, String help, Buckets buckets) {
    return histograms(name, help, buckets).labels();
  }

  /** Histograms that differ in labels. */
  public Family<Histogram> histograms(String name, String help, Buckets buckets, String... labels) {
    Family<Histogram> family = declare(
        MetricInfo.Type.HISTOGRAM,
        name,
        help,
        List.of(labels),
        Histogram.class,
        () -> new Histogram(buckets));
    Buckets declared = family.newMember().buckets();
    if (!declared.equals(buckets)) {
      throw new IllegalArgumentException(
          "Metric " + name + " is declared twice, with " + declared + " and with " + buckets + ".");
    }
    return family;
  }

  /** All metrics declared, by name. */
  public List<MetricInfo> all() {
    return families.values().stream().<MetricInfo>map(Family::info).toList();
  }

  /** All values, in Prometheus' text format 0.0.4. */
  public String prometheusText() {
    return PrometheusText.render(families.values());
  }

  private <M> Family<M> declare(
      MetricInfo.Type type,
      String name,
      String help,
      List<String> labels,
      Class<M> memberType,
      Supplier<M> factory) {
    MetricInfo info = new MetricInfo(name, type, help, labels);
    check(info);
    Family<?> family = families.computeIfAbsent(name, key -> new Family<>(info, factory));
    if (!family.info().equals(info)) {
      throw new IllegalArgumentException(
          "Metric " + name + " is declared twice, as " + family.info() + " and as " + info + ".");
    }
    // Equal information means equal type, hence members of this class.
    assert memberType.isInstance(family.newMember());
    @SuppressWarnings("unchecked")
    Family<M> typed = (Family<M>) family;
    if (labels.isEmpty()) {
      typed.labels();
    }
    return typed;
  }

  private static void check(MetricInfo info) {
    String name = info.name();
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "Metric name \"" + name + "\" is not lower-case words joined by '_'.");
    }
    boolean counter = info.type() == MetricInfo.Type.COUNTER;
    if (counter != name.endsWith("_total")) {
      throw new IllegalArgumentException(
          "Metric " + name + " is a " + info.type().text()
              + (counter
                  ? ", so its name must end in _total."
                  : ", so its name must not end in _total."));
    }
    if (info.type() == MetricInfo.Type.HISTOGRAM
        && (name.endsWith("_bucket") || name.endsWith("_sum") || name.endsWith("_count"))) {
      throw new IllegalArgumentException(
          "Metric " + name + " ends in a suffix that its own series get; choose another name.");
    }
    if (info.help().isBlank() || info.help().indexOf('\n') >= 0) {
      throw new IllegalArgumentException("Metric " + name + " needs a help text of one line.");
    }
    for (String label : info.labels()) {
      if (!NAME.matcher(label).matches() || label.equals("le")) {
        throw new IllegalArgumentException("Metric " + name + " has a label \"" + label
            + "\", which is not lower-case words joined by '_' or is the reserved \"le\".");
      }
    }
    if (info.labels().stream().distinct().count() < info.labels().size()) {
      throw new IllegalArgumentException(
          "Metric " + name + " names a label twice: " + info.labels() + ".");
    }
  }
}
