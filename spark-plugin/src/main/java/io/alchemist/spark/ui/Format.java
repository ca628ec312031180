package io.alchemist.spark.ui;

import java.util.Locale;
import org.apache.spark.ui.UIUtils;
import org.jspecify.annotations.Nullable;

/** Numbers as people read them; what is unknown (negative, NaN or null) is a dash. */
final class Format {
  /** Stands for what is not known. */
  static final String UNKNOWN = "–";

  private static final String[] BYTE_UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

  private Format() {}

  /** A whole number: 12,345. */
  static String count(long count) {
    return count < 0 ? UNKNOWN : String.format(Locale.ROOT, "%,d", count);
  }

  /** A whole number to three digits: 12.3 K. */
  static String rounded(double count) {
    if (!(count >= 0)) {
      return UNKNOWN;
    }
    if (count < 9_999.5) {
      return String.format(Locale.ROOT, "%,.0f", count);
    }
    double value = count;
    String unit = "";
    for (String next : new String[] {"K", "M", "G", "T"}) {
      if (value < 999.5) {
        break;
      }
      value /= 1000;
      unit = next;
    }
    return threeDigits(value) + " " + unit;
  }

  /** A whole number to three digits: 12.3 K. */
  static String rounded(long count) {
    return rounded((double) count);
  }

  /** Bytes: 6.12 GiB. */
  static String bytes(long bytes) {
    if (bytes < 0) {
      return UNKNOWN;
    }
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    return (unit == 0 ? Long.toString(bytes) : threeDigits(value)) + " " + BYTE_UNITS[unit];
  }

  /** A short time: 8.4 ms, 120 ms, 1.20 s. */
  static String millis(double millis) {
    if (!(millis >= 0)) {
      return UNKNOWN;
    }
    return millis < 999.5 ? threeDigits(millis) + " ms" : threeDigits(millis / 1000) + " s";
  }

  /** A time span in its two largest units: 1 h 3 min. */
  static String span(long millis) {
    long seconds = Math.max(0, millis) / 1000;
    if (seconds < 60) {
      return seconds + " s";
    }
    long minutes = seconds / 60;
    if (minutes < 60) {
      return minutes + " min" + (minutes < 10 ? " " + seconds % 60 + " s" : "");
    }
    long hours = minutes / 60;
    return hours < 48
        ? hours + " h " + minutes % 60 + " min"
        : hours / 24 + " d " + hours % 24 + " h";
  }

  /** A loss: 1.842; what is not finite is said as it is. */
  static String loss(@Nullable Double loss) {
    if (loss == null) {
      return UNKNOWN;
    }
    return Double.isFinite(loss) ? String.format(Locale.ROOT, "%.3f", loss) : loss.toString();
  }

  /** The share of {@code part} in {@code whole}: 82 %, 0.4 %; unknown if the whole is nothing. */
  static String share(long part, long whole) {
    if (whole <= 0 || part < 0) {
      return UNKNOWN;
    }
    return percent((double) part / whole);
  }

  /** A share or a relative error: 82 %, 0.4 %. */
  static String percent(@Nullable Double share) {
    if (share == null || !(share >= 0)) {
      return UNKNOWN;
    }
    double percent = 100 * share;
    boolean fine = percent > 0 && percent < 9.95;
    return String.format(Locale.ROOT, fine ? "%.1f %%" : "%.0f %%", percent);
  }

  /** A number as SVG and CSS take it. */
  static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  /** Day and time, in the server's time zone, as all of Spark's pages show it. */
  static String time(long millis) {
    return millis <= 0 ? UNKNOWN : UIUtils.formatDate(millis);
  }

  private static String threeDigits(double value) {
    String pattern = value >= 99.95 ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, pattern, value);
  }
}
