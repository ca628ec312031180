package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The methods of Python's strings, dicts and lists that templates may call; none changes a value. */
final class Methods {
  private static final Set<String> OTHER_STRING_METHODS = Set.of(
      "casefold",
      "center",
      "encode",
      "expandtabs",
      "format",
      "format_map",
      "index",
      "isalnum",
      "isalpha",
      "isascii",
      "isdecimal",
      "isidentifier",
      "islower",
      "isnumeric",
      "isprintable",
      "isspace",
      "istitle",
      "isupper",
      "ljust",
      "maketrans",
      "partition",
      "rfind",
      "rindex",
      "rjust",
      "rpartition",
      "swapcase",
      "title",
      "translate",
      "zfill");
  private static final Set<String> OTHER_DICT_METHODS =
      Set.of("clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update");
  private static final Set<String> OTHER_LIST_METHODS =
      Set.of("append", "clear", "copy", "extend", "insert", "pop", "remove", "reverse", "sort");

  private Methods() {}

  /** The method of that name, or null where Python has none either. */
  static @Nullable Callable of(Object target, String name) {
    Callable method = null;
    Set<String> others = Set.of();
    if (target instanceof String s) {
      method = string(s, name);
      others = OTHER_STRING_METHODS;
    } else if (target instanceof Map<?, ?> map) {
      method = dict(map, name);
      others = OTHER_DICT_METHODS;
    } else if (target instanceof List<?> list) {
      method = list(list, name);
      others = OTHER_LIST_METHODS;
    }
    if (method == null && others.contains(name)) {
      throw TemplateException.render(
          "method " + name + "() of " + Values.typeName(target) + " is not supported.");
    }
    return method;
  }

  private static @Nullable Callable string(String s, String name) {
    return switch (name) {
      case "strip" -> (frame, a) -> stripped(s, a, "both");
      case "lstrip" -> (frame, a) -> stripped(s, a, "left");
      case "rstrip" -> (frame, a) -> stripped(s, a, "right");
      case "split" -> (frame, a) -> split(s, a, false);
      case "rsplit" -> (frame, a) -> split(s, a, true);
      case "splitlines" ->
        (frame, a) -> {
          a.allow();
          return Text.lines(s);
        };
      case "startswith" -> (frame, a) -> affix(a, s::startsWith);
      case "endswith" -> (frame, a) -> affix(a, s::endsWith);
      case "upper" ->
        (frame, a) -> {
          a.allow();
          return s.toUpperCase(Locale.ROOT);
        };
      case "lower" ->
        (frame, a) -> {
          a.allow();
          return s.toLowerCase(Locale.ROOT);
        };
      case "capitalize" ->
        (frame, a) -> {
          a.allow();
          return Text.capitalize(s);
        };
      case "replace" ->
        (frame, a) -> {
          a.allow("old", "new", "count");
          return frame.budget.made(
              Text.replace(s, a.text(0, "old"), a.text(1, "new"), a.integer(2, "count", -1)));
        };
      case "find" ->
        (frame, a) -> {
          int at = s.indexOf(a.allow("sub").text(0, "sub"));
          return (long) (at < 0 ? at : s.codePointCount(0, at));
        };
      case "count" ->
        (frame, a) -> (long) Text.split(s, a.allow("sub").text(0, "sub"), -1).size() - 1;
      case "join" ->
        (frame, a) -> Filters.join(frame, a.allow("iterable").required(0, "iterable"), s);
      case "removeprefix" ->
        (frame, a) -> {
          String prefix = a.allow("prefix").text(0, "prefix");
          return s.startsWith(prefix) ? s.substring(prefix.length()) : s;
        };
      case "removesuffix" ->
        (frame, a) -> {
          String suffix = a.allow("suffix").text(0, "suffix");
          return s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s;
        };
      case "isdigit" ->
        (frame, a) -> {
          a.allow();
          return !s.isEmpty() && s.codePoints().allMatch(Character::isDigit);
        };
      default -> null;
    };
  }

  private static String stripped(String s, Arguments arguments, String side) {
    String chars = arguments.allow("chars").optionalText(0, "chars");
    String left = side.equals("right") ? s : chars == null ? Text.lstrip(s) : Text.lstrip(s, chars);
    return side.equals("left")
        ? left
        : chars == null ? Text.rstrip(left) : Text.rstrip(left, chars);
  }

  private static List<Object> split(String s, Arguments arguments, boolean fromRight) {
    String separator = arguments.allow("sep", "maxsplit").optionalText(0, "sep");
    long limit = arguments.integer(1, "maxsplit", -1);
    if (separator != null) {
      return fromRight ? Text.splitFromRight(s, separator, limit) : Text.split(s, separator, limit);
    }
    if (fromRight && limit >= 0) {
      throw TemplateException.render(
          "rsplit() with a limit and no separator is not supported. Name the separator.");
    }
    return Text.splitAtSpace(s, limit);
  }

  private static boolean affix(Arguments arguments, java.util.function.Predicate<String> matches) {
    Object wanted = arguments.allow("affix").required(0, "affix");
    if (wanted instanceof List<?> any) {
      return any.stream().anyMatch(item -> matches.test(Values.text(item)));
    }
    return matches.test(arguments.text(0, "affix"));
  }

  private static @Nullable Callable dict(Map<?, ?> map, String name) {
    return switch (name) {
      case "items" ->
        (frame, a) -> {
          a.allow();
          return Filters.items(map);
        };
      case "keys" ->
        (frame, a) -> {
          a.allow();
          return new ArrayList<Object>(map.keySet());
        };
      case "values" ->
        (frame, a) -> {
          a.allow();
          return new ArrayList<Object>(map.values());
        };
      case "get" ->
        (frame, a) -> {
          Object value = map.get(Values.key(a.allow("key", "default").required(0, "key")));
          Object otherwise = a.optional(1, "default");
          return value != null ? value : otherwise != null ? otherwise : None.NONE;
        };
      default -> null;
    };
  }

  private static @Nullable Callable list(List<?> list, String name) {
    return switch (name) {
      case "count" ->
        (frame, a) -> {
          Object wanted = a.allow("value").required(0, "value");
          return list.stream()
              .filter(item -> Operators.equal(item, wanted, frame.budget))
              .count();
        };
      case "index" ->
        (frame, a) -> {
          Object wanted = a.allow("value").required(0, "value");
          for (int i = 0; i < list.size(); i++) {
            if (Operators.equal(list.get(i), wanted, frame.budget)) {
              return (long) i;
            }
          }
          throw TemplateException.render("index() found no such item.");
        };
      default -> null;
    };
  }
}
