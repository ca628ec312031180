package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The filters: {@code value | name(arguments)}. */
final class Filters {
  private static final Set<String> NAMES = new TreeSet<>(Set.of(
      "abs",
      "capitalize",
      "count",
      "d",
      "default",
      "dictsort",
      "first",
      "float",
      "indent",
      "int",
      "items",
      "join",
      "last",
      "length",
      "list",
      "lower",
      "map",
      "reject",
      "rejectattr",
      "replace",
      "reverse",
      "safe",
      "select",
      "selectattr",
      "string",
      "tojson",
      "trim",
      "unique",
      "upper"));

  private Filters() {}

  static Set<String> names() {
    return Collections.unmodifiableSet(NAMES);
  }

  static Object apply(Frame frame, String name, Object value, Arguments a) {
    return switch (name) {
      case "default", "d" -> {
        a.allow("default_value", "boolean");
        Object otherwise = a.optional(0, "default_value");
        boolean use = value instanceof Undefined || (a.truth(1, "boolean") && !Values.truth(value));
        yield !use ? value : otherwise == null ? "" : otherwise;
      }
      case "length", "count" -> Values.length(none(a, value));
      case "trim" -> {
        String chars = a.allow("chars").optionalText(0, "chars");
        String s = Values.text(value);
        yield chars == null ? Text.strip(s) : Text.lstrip(Text.rstrip(s, chars), chars);
      }
      case "upper" -> Values.text(none(a, value)).toUpperCase(Locale.ROOT);
      case "lower" -> Values.text(none(a, value)).toLowerCase(Locale.ROOT);
      case "capitalize" -> Text.capitalize(Values.text(none(a, value)));
      case "string", "safe" -> frame.budget.made(Values.text(none(a, value)));
      case "replace" -> {
        a.allow("old", "new", "count");
        yield frame.budget.made(Text.replace(
            Values.text(value), a.text(0, "old"), a.text(1, "new"), a.integer(2, "count", -1)));
      }
      case "indent" -> indent(frame, Values.text(value), a);
      case "tojson" -> {
        a.allow("indent");
        yield frame.budget.made(Json.write(value, (int) a.integer(0, "indent", -1)));
      }
      case "int", "float" -> number(name, value, a);
      case "abs" ->
        Operators.compare("<", none(a, value), 0L, frame.budget) ? Operators.negate(value) : value;
      case "items" -> value instanceof Undefined ? List.of() : items(asMap(name, none(a, value)));
      case "dictsort" -> sorted(asMap(name, none(a, value)));
      default -> sequence(frame, name, value, a);
    };
  }

  private static Object sequence(Frame frame, String name, Object value, Arguments a) {
    List<Object> items = Values.iterate(value);
    frame.budget.items(items.size());
    return switch (name) {
      case "first" -> items.isEmpty() ? new Undefined("the first item of nothing") : items.get(0);
      case "last" ->
        items.isEmpty() ? new Undefined("the last item of nothing") : items.get(items.size() - 1);
      case "list" -> none(a, items);
      case "join" -> {
        a.allow("d", "attribute");
        String attribute = a.optionalText(1, "attribute");
        String separator = a.optionalText(0, "d");
        if (attribute != null) {
          items.replaceAll(item -> path(item, attribute));
        }
        yield join(frame, items, separator == null ? "" : separator);
      }
      case "reverse" -> {
        none(a, items);
        Collections.reverse(items);
        yield value instanceof String ? join(frame, items, "") : items;
      }
      case "unique" -> {
        none(a, items);
        List<Object> unique = new ArrayList<>();
        Set<Object> seen = new java.util.HashSet<>();
        items.forEach(item -> {
          // Jinja2 compares without regard to case here.
          if (seen.add(item instanceof String s ? s.toLowerCase(Locale.ROOT) : Values.key(item))) {
            unique.add(item);
          }
        });
        yield unique;
      }
      case "map" -> map(frame, items, a);
      case "select" -> where(frame, items, a, 0, true);
      case "reject" -> where(frame, items, a, 0, false);
      case "selectattr" -> where(frame, items, a, 1, true);
      case "rejectattr" -> where(frame, items, a, 1, false);
      default -> throw new IllegalStateException("No filter " + name);
    };
  }

  static String join(Frame frame, Object items, String separator) {
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object item : Values.iterate(items)) {
      out.append(first ? "" : separator).append(Values.text(item));
      first = false;
      if (out.length() > Budget.MAX_CHARS) {
        frame.budget.chars(out.length());
      }
    }
    return frame.budget.made(out.toString());
  }

  static List<Object> items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.forEach((key, value) -> items.add(Tuple.of(key, value)));
    return items;
  }

  private static List<Object> sorted(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.entrySet().stream()
        .sorted((x, y) -> fold(x.getKey()).compareTo(fold(y.getKey())))
        .forEach(e -> items.add(Tuple.of(e.getKey(), e.getValue())));
    return items;
  }

  private static String fold(Object key) {
    if (key instanceof String s) {
      return s.toLowerCase(Locale.ROOT);
    }
    throw TemplateException.render(
        "dictsort needs strings as keys, not " + Values.typeName(key) + ".");
  }

  private static Object map(Frame frame, List<Object> items, Arguments a) {
    List<Object> mapped = new ArrayList<>();
    if (a.positional().isEmpty()) {
      String attribute = a.allow("attribute", "default").text(0, "attribute");
      Object otherwise = a.optional(1, "default");
      for (Object item : items) {
        Object value = path(item, attribute);
        mapped.add(value instanceof Undefined && otherwise != null ? otherwise : value);
      }
      return mapped;
    }
    String filter = Values.text(a.positional().get(0));
    if (!NAMES.contains(filter)) {
      throw TemplateException.render(
          "map: no filter is called '" + filter + "'; there are " + NAMES + ".");
    }
    Arguments rest = new Arguments(
        "filter " + filter, a.positional().subList(1, a.positional().size()), a.named());
    for (Object item : items) {
      frame.budget.step();
      mapped.add(apply(frame, filter, item, rest));
    }
    return mapped;
  }

  /** Keeps the items that pass a test (of an attribute, where {@code skip} is 1), or those that do not. */
  private static Object where(
      Frame frame, List<Object> items, Arguments a, int skip, boolean keep) {
    if (!a.named().isEmpty() || a.positional().size() < skip) {
      throw TemplateException.render(a.function() + " takes " + (skip == 1 ? "an attribute, " : "")
          + "the name of a test and its arguments.");
    }
    List<Object> p = a.positional();
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      frame.budget.step();
      Object value = skip == 1 ? path(item, Values.text(p.get(0))) : item;
      boolean passes = p.size() == skip
          ? Values.truth(value)
          : Tests.check(
              Values.text(p.get(skip)), value, p.subList(skip + 1, p.size()), frame.budget);
      if (passes == keep) {
        kept.add(item);
      }
    }
    return kept;
  }

  /** An attribute, or a path of them with dots. */
  private static Object path(Object item, String attribute) {
    Object value = item;
    for (Object name : Text.split(attribute, ".", -1)) {
      boolean index =
          !name.equals("") && ((String) name).chars().allMatch(c -> c >= '0' && c <= '9');
      value = Access.subscript(value, index ? (Object) Long.valueOf((String) name) : name);
    }
    return value;
  }

  private static Object number(String name, Object value, Arguments a) {
    Object otherwise = a.allow("default").optional(0, "default");
    try {
      if (name.equals("float")) {
        return Double.valueOf(
            value instanceof Boolean b ? (b ? "1" : "0") : Values.text(value).strip());
      }
      if (value instanceof Boolean b) {
        return b ? 1L : 0L;
      }
      String digits = Values.text(value).strip();
      return digits.matches("[+-]?\\d+")
          ? Long.valueOf(digits)
          : (Object) (long) Double.parseDouble(digits);
    } catch (NumberFormatException e) {
      return otherwise != null ? otherwise : name.equals("int") ? 0L : (Object) 0.0;
    }
  }

  private static String indent(Frame frame, String s, Arguments a) {
    a.allow("width", "first", "blank");
    Object width = a.optional(0, "width");
    String unit;
    if (width instanceof String text) {
      unit = text;
    } else {
      long count = a.integer(0, "width", 4);
      frame.budget.chars(count);
      unit = " ".repeat((int) Math.max(0, count));
    }
    boolean blank = a.truth(2, "blank");
    StringBuilder out = new StringBuilder(a.truth(1, "first") ? unit : "");
    List<Object> lines = Text.lines(s + "\n");
    for (int i = 0; i < lines.size(); i++) {
      String line = (String) lines.get(i);
      out.append(i == 0 ? "" : "\n")
          .append(i > 0 && (blank || !line.isEmpty()) ? unit : "")
          .append(line);
      frame.budget.chars(out.length() > Budget.MAX_CHARS ? out.length() : line.length());
    }
    return out.toString();
  }

  private static Map<?, ?> asMap(String name, Object value) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw TemplateException.render(
        "filter " + name + " needs a dict, not " + Values.typeName(value) + ".");
  }

  /** The value, once it is sure that the filter was given no arguments. */
  private static Object none(Arguments a, Object value) {
    a.allow();
    return value;
  }
}
