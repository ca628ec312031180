package io.alchemist.text.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values of a template and what Python makes of them. A value is a String, Long, Double, Boolean, {@link None},
 * List, Map, {@link Undefined}, {@link Namespace}, {@link Loop} or {@link Callable}.
 */
final class Values {
  private Values() {}

  /**
   * Brings a Java value into this set, copying collections.
   *
   * @throws IllegalArgumentException when it has no counterpart
   */
  static Object of(@Nullable Object value) {
    if (value == null) {
      return None.NONE;
    }
    if (value instanceof String
        || value instanceof Long
        || value instanceof Double
        || value instanceof Boolean
        || value instanceof None) {
      return value;
    }
    if (value instanceof Integer integer) {
      return integer.longValue();
    }
    if (value instanceof Collection<?> items) {
      List<Object> list = new ArrayList<>();
      items.forEach(item -> list.add(of(item)));
      return list;
    }
    if (value instanceof Map<?, ?> entries) {
      Map<Object, Object> map = new LinkedHashMap<>();
      entries.forEach((key, item) -> map.put(of(key), of(item)));
      return map;
    }
    throw new IllegalArgumentException("A template can't be given a "
        + value.getClass().getName() + ": use strings, numbers, booleans, collections and maps.");
  }

  static boolean truth(Object value) {
    if (value instanceof Boolean b) {
      return b;
    }
    if (value instanceof String s) {
      return !s.isEmpty();
    }
    if (value instanceof Long l) {
      return l != 0;
    }
    if (value instanceof Double d) {
      return d != 0;
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    return !(value instanceof None || value instanceof Undefined);
  }

  /** Python's {@code str}. */
  static String text(Object value) {
    if (value instanceof String s) {
      return s;
    }
    return value instanceof Undefined ? "" : repr(value);
  }

  /** Python's {@code repr}. */
  static String repr(Object value) {
    StringBuilder out = new StringBuilder();
    repr(value, out);
    return out.toString();
  }

  private static void repr(Object value, StringBuilder out) {
    if (value instanceof String s) {
      quote(s, out);
    } else if (value instanceof Boolean b) {
      out.append(b ? "True" : "False");
    } else if (value instanceof Long l) {
      out.append(l.longValue());
    } else if (value instanceof Double d) {
      out.append(number(d));
    } else if (value instanceof None) {
      out.append("None");
    } else if (value instanceof Undefined) {
      out.append("Undefined");
    } else if (value instanceof List<?> list) {
      boolean tuple = value instanceof Tuple;
      out.append(tuple ? '(' : '[');
      String separator = "";
      for (Object item : list) {
        out.append(separator);
        repr(item, out);
        separator = ", ";
      }
      out.append(tuple && list.size() == 1 ? "," : "").append(tuple ? ')' : ']');
    } else if (value instanceof Map<?, ?> map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        out.append(separator);
        repr(entry.getKey(), out);
        out.append(": ");
        repr(entry.getValue(), out);
        separator = ", ";
      }
      out.append(map.isEmpty() ? "{}" : "}");
    } else {
      throw TemplateException.render(
          typeName(value) + " can't be written as text. Did the template forget to call it?");
    }
    if (out.length() > Budget.MAX_CHARS) {
      throw TemplateException.limit(
          "a value is over " + Budget.MAX_CHARS + " characters when written as text.");
    }
  }

  private static void quote(String s, StringBuilder out) {
    char quote = s.indexOf('\'') >= 0 && s.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    s.codePoints().forEach(c -> {
      if (c == quote || c == '\\') {
        out.append('\\').appendCodePoint(c);
      } else if (c == '\n') {
        out.append("\\n");
      } else if (c == '\r') {
        out.append("\\r");
      } else if (c == '\t') {
        out.append("\\t");
      } else if (isPrintable(c)) {
        out.appendCodePoint(c);
      } else if (c < 0x100) {
        out.append(String.format("\\x%02x", c));
      } else if (c < 0x10000) {
        out.append(String.format("\\u%04x", c));
      } else {
        out.append(String.format("\\U%08x", c));
      }
    });
    out.append(quote);
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR -> false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  /** Python's repr of a float: plain digits between 1e-4 and 1e16, otherwise an exponent of at least two digits. */
  static String number(double d) {
    if (Double.isNaN(d) || Double.isInfinite(d)) {
      return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
    }
    double size = Math.abs(d);
    if (d == 0) {
      return 1 / d < 0 ? "-0.0" : "0.0";
    }
    BigDecimal digits = new BigDecimal(Double.toString(d)).stripTrailingZeros();
    if (size >= 1e-4 && size < 1e16) {
      String plain = digits.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    int exponent = digits.precision() - digits.scale() - 1;
    String mantissa = digits.movePointLeft(exponent).stripTrailingZeros().toPlainString();
    return mantissa
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  /** What a for loop visits: items, keys, or characters. */
  static List<Object> iterate(Object value) {
    if (value instanceof List<?> list) {
      return new ArrayList<>(list);
    }
    if (value instanceof Map<?, ?> map) {
      return new ArrayList<>(map.keySet());
    }
    if (value instanceof String s) {
      return Text.characters(s);
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw TemplateException.render(typeName(value) + " can't be iterated over.");
  }

  static long length(Object value) {
    if (value instanceof String s) {
      return Text.length(s);
    }
    if (value instanceof List<?> list) {
      return list.size();
    }
    if (value instanceof Map<?, ?> map) {
      return map.size();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw TemplateException.render(typeName(value) + " has no length.");
  }

  /** The value, once it is sure that it may be a key: a list or dict may not, as in Python. */
  static Object key(Object value) {
    if (value instanceof List<?> || value instanceof Map<?, ?>) {
      throw TemplateException.render(typeName(value) + " can't be the key of a dict.");
    }
    return value;
  }

  static String typeName(Object value) {
    if (value instanceof String) {
      return "a string";
    }
    if (value instanceof Boolean) {
      return "a boolean";
    }
    if (value instanceof Long) {
      return "an integer";
    }
    if (value instanceof Double) {
      return "a float";
    }
    if (value instanceof List<?>) {
      return value instanceof Tuple ? "a tuple" : "a list";
    }
    if (value instanceof Map<?, ?>) {
      return "a dict";
    }
    if (value instanceof None) {
      return "None";
    }
    if (value instanceof Undefined undefined) {
      return undefined.what() + " (undefined)";
    }
    if (value instanceof Namespace) {
      return "a namespace";
    }
    return value instanceof Loop ? "the loop variable" : "a function";
  }
}
