package io.alchemist.text.jinja;

import java.util.List;
import java.util.Map;

/** Writes JSON as Python's {@code json.dumps(ensure_ascii=False)} does, which is what {@code tojson} means in chat templates. */
final class Json {
  private final StringBuilder out = new StringBuilder();
  private final String unit;
  private final boolean lines;

  private Json(int indent) {
    this.lines = indent >= 0;
    this.unit = " ".repeat(Math.max(0, indent));
  }

  /**
   * @param indent blanks per level, or -1 for one line
   */
  static String write(Object value, int indent) {
    Json json = new Json(indent);
    json.value(value, 0);
    return json.out.toString();
  }

  private void value(Object value, int level) {
    if (value instanceof String s) {
      string(s);
    } else if (value instanceof Boolean || value instanceof Long) {
      out.append(value);
    } else if (value instanceof Double d) {
      out.append(
          d.isNaN()
              ? "NaN"
              : d.isInfinite() ? (d > 0 ? "Infinity" : "-Infinity") : Values.number(d));
    } else if (value instanceof None) {
      out.append("null");
    } else if (value instanceof List<?> list) {
      open(list.isEmpty() ? "[]" : "[");
      int n = 0;
      for (Object item : list) {
        separate(n++, level + 1);
        value(item, level + 1);
      }
      close(n, level, ']');
    } else if (value instanceof Map<?, ?> map) {
      open(map.isEmpty() ? "{}" : "{");
      int n = 0;
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        separate(n++, level + 1);
        string(key(entry.getKey()));
        out.append(": ");
        value(entry.getValue(), level + 1);
      }
      close(n, level, '}');
    } else {
      throw TemplateException.render(Values.typeName(value) + " can't be written as JSON.");
    }
    if (out.length() > Budget.MAX_CHARS) {
      throw TemplateException.limit("JSON of over " + Budget.MAX_CHARS + " characters.");
    }
  }

  private static String key(Object key) {
    return key instanceof String s ? s : write(key, -1);
  }

  private void open(String bracket) {
    out.append(bracket);
  }

  private void separate(int n, int level) {
    if (n > 0) {
      out.append(lines ? "," : ", ");
    }
    newline(level);
  }

  private void close(int n, int level, char bracket) {
    if (n > 0) {
      newline(level);
      out.append(bracket);
    }
  }

  private void newline(int level) {
    if (lines) {
      out.append('\n').append(unit.repeat(level));
    }
  }

  private void string(String s) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < 0x20) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
