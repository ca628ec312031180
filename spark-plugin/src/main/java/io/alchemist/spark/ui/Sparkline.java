package io.alchemist.spark.ui;

import io.alchemist.spark.ui.StoredExecutor.Sample;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;

/** A small line without axes that shows how one number of an executor went. */
final class Sparkline {
  private static final double WIDTH = 88;
  private static final double HEIGHT = 20;
  private static final long GAP_MILLIS = 10 * ExecutorHistory.SPACING_MILLIS;

  private Sparkline() {}

  /** Draws it, from zero up; nothing where less than two points are known. */
  static void render(
      Markup out,
      String name,
      List<Sample> samples,
      ToDoubleFunction<Sample> value,
      DoubleFunction<String> format) {
    List<Sample> known =
        samples.stream().filter(sample -> value.applyAsDouble(sample) >= 0).toList();
    if (known.size() < 2) {
      return;
    }
    DoubleSummaryStatistics range = known.stream().mapToDouble(value).summaryStatistics();
    long from = known.get(0).timeMillis();
    long span = known.get(known.size() - 1).timeMillis() - from;
    String text = name + ", last " + Format.span(span) + ": " + format.apply(range.getMin())
        + " to " + format.apply(range.getMax());

    StringBuilder path = new StringBuilder();
    double top = range.getMax() > 0 ? range.getMax() : 1;
    long before = Long.MIN_VALUE / 2;
    for (Sample sample : known) {
      double x = 1 + (WIDTH - 2) * (sample.timeMillis() - from) / Math.max(1, span);
      double y = HEIGHT - 2 - (HEIGHT - 4) * value.applyAsDouble(sample) / top;
      path.append(sample.timeMillis() - before > GAP_MILLIS ? "M" : "L")
          .append(Format.decimal(x))
          .append(' ')
          .append(Format.decimal(y));
      before = sample.timeMillis();
    }
    out.open(
        "svg",
        "class",
        "alch-spark",
        "role",
        "img",
        "aria-label",
        text,
        "viewBox",
        "0 0 " + Format.decimal(WIDTH) + " " + Format.decimal(HEIGHT));
    out.leaf("title", text);
    out.empty("path", "d", path.toString()).close();
  }
}
