package io.alchemist.spark.conf;

import java.math.BigDecimal;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.spark.SparkConf;
import org.apache.spark.network.util.JavaUtils;
import org.jspecify.annotations.Nullable;

/**
 * One setting: its key, type, default, check and meaning. Immutable.
 *
 * @param <T> type of the value
 */
public final class ConfEntry<T> {
  private final String key;
  private final String type;
  private final @Nullable String defaultText;
  private final String doc;
  private final Function<String, T> parser;
  private final Predicate<T> check;
  private final String expectation;

  private ConfEntry(
      String key,
      String type,
      @Nullable String defaultText,
      String doc,
      Function<String, T> parser,
      Predicate<T> check,
      String expectation) {
    this.key = key;
    this.type = type;
    this.defaultText = defaultText;
    this.doc = doc;
    this.parser = parser;
    this.check = check;
    this.expectation = expectation;
  }

  static ConfEntry<String> text(String key, @Nullable String defaultText, String doc) {
    return new ConfEntry<>(key, "text", defaultText, doc, text -> text, text -> true, "a text");
  }

  /** A place; without one there is nothing. */
  static ConfEntry<String> path(String key, @Nullable String defaultText, String doc) {
    return new ConfEntry<>(
        key, "path", defaultText, doc, text -> text, text -> !text.isEmpty(), "a path");
  }

  static ConfEntry<Integer> integer(String key, int defaultValue, int least, String doc) {
    return integer(key, defaultValue, least, Integer.MAX_VALUE, doc);
  }

  static ConfEntry<Integer> integer(String key, int defaultValue, int least, int most, String doc) {
    return new ConfEntry<>(
        key,
        "integer",
        Integer.toString(defaultValue),
        doc,
        Integer::valueOf,
        value -> value >= least && value <= most,
        most == Integer.MAX_VALUE
            ? "an integer of at least " + least
            : "an integer from " + least + " to " + most);
  }

  static ConfEntry<Double> number(
      String key, double defaultValue, double least, double most, String doc) {
    return new ConfEntry<>(
        key,
        "number",
        plain(defaultValue),
        doc,
        Double::valueOf,
        value -> value >= least && value <= most,
        most == Double.MAX_VALUE
            ? "a number of at least " + plain(least)
            : "a number from " + plain(least) + " to " + plain(most));
  }

  private static String plain(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  static ConfEntry<Long> bytes(String key, String defaultText, String doc) {
    return new ConfEntry<>(
        key,
        "size",
        defaultText,
        doc,
        JavaUtils::byteStringAsBytes,
        value -> value >= 0,
        "a size such as 512m or 4g");
  }

  static ConfEntry<Long> millis(String key, String defaultText, String doc) {
    return millis(key, defaultText, 0, doc);
  }

  static ConfEntry<Long> millis(String key, String defaultText, long least, String doc) {
    return new ConfEntry<>(
        key,
        "time",
        defaultText,
        doc,
        JavaUtils::timeStringAsMs,
        value -> value >= least,
        "a time such as 500ms, 10s or 5min" + (least == 0 ? "" : ", of at least " + least + "ms"));
  }

  /** Its full name. */
  public String key() {
    return key;
  }

  /** What kind of value it takes, in a word. */
  public String type() {
    return type;
  }

  /** The default as one would write it, or null where there is none. */
  public @Nullable String defaultText() {
    return defaultText;
  }

  /** What it means. */
  public String doc() {
    return doc;
  }

  /**
   * Its value in a configuration.
   *
   * @throws IllegalArgumentException when it is not of its type, out of range, or missing where there is no default
   */
  public T in(SparkConf conf) {
    String text = conf.contains(key) ? conf.get(key).trim() : defaultText;
    if (text == null) {
      throw new IllegalArgumentException(key + " is not set, and there is no default. " + doc);
    }
    T value;
    try {
      value = parser.apply(text);
    } catch (IllegalArgumentException e) {
      throw refusal(text, e);
    }
    if (!check.test(value)) {
      throw refusal(text, null);
    }
    return value;
  }

  private IllegalArgumentException refusal(String text, @Nullable Exception cause) {
    String fallback =
        defaultText == null ? "" : " Leave it out for the default, " + shown(defaultText) + ".";
    return new IllegalArgumentException(
        key + " = " + text + " is not " + expectation + "." + fallback, cause);
  }

  private static String shown(String text) {
    return text.isEmpty() ? "nothing" : text;
  }
}
