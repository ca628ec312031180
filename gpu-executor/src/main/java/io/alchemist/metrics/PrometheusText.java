package io.alchemist.metrics;

import java.util.Collection;
import java.util.List;

/**
 * Writes metrics as Prometheus reads them.
 *
 * @see <a href="https://prometheus.io/docs/instrumenting/exposition_formats/">text format 0.0.4</a>
 */
final class PrometheusText {
  private final StringBuilder out = new StringBuilder(4096);

  private PrometheusText() {}

  static String render(Collection<Family<?>> families) {
    PrometheusText text = new PrometheusText();
    families.forEach(text::family);
    return text.out.toString();
  }

  private void family(Family<?> family) {
    MetricInfo info = family.info();
    out.append("# HELP ").append(info.name()).append(' ');
    out.append(info.help().replace("\\", "\\\\")).append('\n');
    out.append("# TYPE ")
        .append(info.name())
        .append(' ')
        .append(info.type().text())
        .append('\n');
    family.members().forEach((values, member) -> member(info, values, member));
  }

  private void member(MetricInfo info, List<String> values, Object member) {
    if (member instanceof Counter counter) {
      name(info, "", values, "").append(counter.value()).append('\n');
    } else if (member instanceof Gauge gauge) {
      name(info, "", values, "").append(number(gauge.value())).append('\n');
    } else if (member instanceof Histogram histogram) {
      histogram(info, values, histogram);
    }
  }

  private void histogram(MetricInfo info, List<String> values, Histogram histogram) {
    long[] counts = histogram.snapshot();
    long cumulative = 0;
    for (int i = 0; i < counts.length; i++) {
      cumulative += counts[i];
      boolean last = i == counts.length - 1;
      String bound = last ? "+Inf" : number(histogram.buckets().bound(i));
      name(info, "_bucket", values, bound).append(cumulative).append('\n');
    }
    name(info, "_sum", values, "").append(number(histogram.sum())).append('\n');
    // The count must equal the last bucket, so it comes from the same snapshot.
    name(info, "_count", values, "").append(cumulative).append('\n');
  }

  private StringBuilder name(MetricInfo info, String suffix, List<String> values, String bound) {
    out.append(info.name()).append(suffix);
    String separator = "{";
    for (int i = 0; i < values.size(); i++) {
      out.append(separator).append(info.labels().get(i)).append("=\"");
      out.append(escape(values.get(i))).append('"');
      separator = ",";
    }
    if (!bound.isEmpty()) {
      out.append(separator).append("le=\"").append(bound).append('"');
      separator = ",";
    }
    return out.append(separator.equals(",") ? "} " : " ");
  }

  private static String escape(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }

  private static String number(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "+Inf" : "-Inf";
    }
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? Long.toString((long) value)
        : Double.toString(value);
  }
}
