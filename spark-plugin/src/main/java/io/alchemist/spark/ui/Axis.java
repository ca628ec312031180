package io.alchemist.spark.ui;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A range of numbers that begins and ends at a tick, and ticks at 1, 2 or 5 times a power of ten. Immutable.
 *
 * @param min the lower end
 * @param max the upper end, above {@code min}
 * @param step the distance between two ticks
 */
record Axis(double min, double max, double step) {

  /** The smallest such range that holds both values, with about {@code ticks} ticks. */
  static Axis covering(double low, double high, int ticks) {
    double span = high > low ? high - low : Math.max(Math.abs(high), 1) * 0.1;
    double power = Math.pow(10, Math.floor(Math.log10(span / ticks)));
    double factor = span / ticks / power;
    double step = power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
    double min = Math.floor(low / step) * step;
    double max = Math.ceil(high / step) * step;
    return new Axis(min, max > min ? max : min + step, step);
  }

  /** The ticks, lowest first. */
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    long count = Math.round((max - min) / step);
    for (long i = 0; i <= count; i++) {
      ticks.add(min + i * step);
    }
    return ticks;
  }

  /** A tick's text: as many decimals as tell two ticks apart, thousands as K. */
  String label(double tick) {
    if (max >= 10_000) {
      return tick == 0 ? "0" : Format.rounded(tick);
    }
    int decimals = (int) Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    return String.format(Locale.ROOT, "%." + decimals + "f", tick);
  }
}
