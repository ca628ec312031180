package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Attributes, subscripts and slices, found as Jinja2 finds them. */
final class Access {
  private Access() {}

  /** {@code target.name}: a method goes before a key of the same name. */
  static Object attribute(Object target, String name) {
    if (target instanceof Undefined undefined) {
      throw undefined.error();
    }
    if (target instanceof Loop loop) {
      return loop.attribute(name);
    }
    if (target instanceof Namespace namespace) {
      Object value = namespace.attributes.get(name);
      return value == null ? missing(target, name) : value;
    }
    Callable method = Methods.of(target, name);
    if (method != null) {
      return method;
    }
    if (target instanceof Map<?, ?> map && map.get(name) != null) {
      return map.get(name);
    }
    return missing(target, name);
  }

  /** {@code target[index]}: a key goes before a method of the same name. */
  static Object subscript(Object target, Object index) {
    if (target instanceof Undefined undefined) {
      throw undefined.error();
    }
    if (target instanceof Map<?, ?> map) {
      Object value = map.get(Values.key(index));
      if (value != null) {
        return value;
      }
    }
    if (index instanceof Long i) {
      if (target instanceof List<?> list) {
        long at = i < 0 ? i + list.size() : i;
        return at >= 0 && at < list.size()
            ? list.get((int) at)
            : missing(target, Values.repr(index));
      }
      if (target instanceof String s) {
        long length = Text.length(s);
        long at = i < 0 ? i + length : i;
        return at >= 0 && at < length
            ? slice(s, at, at + 1, null)
            : missing(target, Values.repr(index));
      }
    }
    if (index instanceof String name) {
      return attribute(target, name);
    }
    return missing(target, Values.repr(index));
  }

  private static Undefined missing(Object target, String name) {
    return new Undefined("'" + name + "' of " + Values.typeName(target));
  }

  /** {@code target[start:stop:step]} of a list or string. */
  static Object slice(
      Object target, @Nullable Object start, @Nullable Object stop, @Nullable Object step) {
    if (target instanceof Undefined undefined) {
      throw undefined.error();
    }
    if (target instanceof String s) {
      List<Object> characters = new ArrayList<>();
      // Most strings are sliced at the ends, by units of one character each.
      if (step == null && s.length() == Text.length(s)) {
        int from = (int) bound(start, 0, s.length(), 0, s.length());
        int to = (int) bound(stop, s.length(), s.length(), 0, s.length());
        return from < to ? s.substring(from, to) : "";
      }
      characters.addAll(pick(Text.characters(s), start, stop, step));
      StringBuilder out = new StringBuilder();
      characters.forEach(out::append);
      return out.toString();
    }
    if (target instanceof List<?> list) {
      List<Object> picked = pick(list, start, stop, step);
      return list instanceof Tuple ? Tuple.copyOf(picked) : picked;
    }
    throw TemplateException.render(Values.typeName(target) + " can't be sliced.");
  }

  private static List<Object> pick(
      List<?> items, @Nullable Object start, @Nullable Object stop, @Nullable Object step) {
    int size = items.size();
    long by = step == null || step == None.NONE ? 1 : index(step);
    if (by == 0) {
      throw TemplateException.render("a slice can't have a step of 0.");
    }
    long low = by > 0 ? 0 : -1;
    long high = by > 0 ? size : size - 1;
    long from = bound(start, by > 0 ? low : high, size, low, high);
    long to = bound(stop, by > 0 ? high : low, size, low, high);
    List<Object> picked = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      picked.add(items.get((int) i));
    }
    return picked;
  }

  private static long bound(
      @Nullable Object value, long otherwise, long size, long low, long high) {
    if (value == null || value == None.NONE) {
      return otherwise;
    }
    long at = index(value);
    return Math.max(low, Math.min(high, at < 0 ? at + size : at));
  }

  private static long index(Object value) {
    if (value instanceof Long number) {
      return Math.max(-Integer.MAX_VALUE, Math.min(Integer.MAX_VALUE, number));
    }
    throw TemplateException.render("a slice needs integers, not " + Values.typeName(value) + ".");
  }
}
