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
    double magnitude = Math.max(Math.max(Math.abs(low), Math.abs(high)), 1e-3);
    // Values that hardly differ get an axis on which they look so.
    double span = high - low > magnitude * 1e-6 ? high - low : magnitude * 0.1;
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

  /** A tick's text: as many decimals as tell two ticks apart; thousands as K, millions as M, and so on. */
  String label(double tick) {
    int thousands = max < 10_000 ? 0 : (int) Math.min(4, Math.floor(Math.log10(max) / 3));
    double unit = Math.pow(1000, thousands);
    int decimals = (int) Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
    String number = String.format(Locale.ROOT, "%." + decimals + "f", tick / unit);
    return thousands == 0 || tick == 0 ? number : number + " " + " KMGT".charAt(thousands);
  }
}
