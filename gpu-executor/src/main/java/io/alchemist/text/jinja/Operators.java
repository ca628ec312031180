package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Arithmetic and comparison with Python's meaning. */
final class Operators {
  private Operators() {}

  static Object arithmetic(String operator, Object a, Object b, Budget budget) {
    defined(a);
    defined(b);
    if (a instanceof String s && b instanceof String t && operator.equals("+")) {
      budget.chars((long) s.length() + t.length());
      return s + t;
    }
    if (a instanceof List<?> s
        && b instanceof List<?> t
        && operator.equals("+")
        && !(a instanceof Tuple || b instanceof Tuple)) {
      budget.items((long) s.size() + t.size());
      List<Object> joined = new ArrayList<>(s);
      joined.addAll(t);
      return joined;
    }
    if (a instanceof String s && b instanceof Long n && operator.equals("*")) {
      return repeat(s, n, budget);
    }
    if (a instanceof Long n && b instanceof String s && operator.equals("*")) {
      return repeat(s, n, budget);
    }
    if (isNumber(a) && isNumber(b)) {
      try {
        boolean floats = isFloat(a) || isFloat(b) || operator.equals("/");
        return floats
            ? floats(operator, number(a), number(b))
            : (Object) integers(operator, integer(a), integer(b));
      } catch (ArithmeticException e) {
        throw TemplateException.render(Values.repr(a) + " " + operator + " " + Values.repr(b)
            + " has no result: division by zero, or beyond 64 bits.");
      }
    }
    throw TemplateException.render("'" + operator + "' is not supported between "
        + Values.typeName(a) + " and " + Values.typeName(b) + ".");
  }

  private static String repeat(String s, long n, Budget budget) {
    long times = Math.max(0, n);
    if (times > Budget.MAX_CHARS) {
      throw TemplateException.limit("a string is repeated " + times + " times.");
    }
    budget.chars(s.length() * times);
    return s.repeat((int) times);
  }

  private static long integers(String operator, long a, long b) {
    return switch (operator) {
      case "+" -> Math.addExact(a, b);
      case "-" -> Math.subtractExact(a, b);
      case "*" -> Math.multiplyExact(a, b);
      case "//" -> Math.floorDiv(a, b);
      case "%" -> Math.floorMod(a, b);
      default -> throw new IllegalStateException("No operator " + operator);
    };
  }

  private static double floats(String operator, double a, double b) {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw new ArithmeticException("division by zero");
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor(a / b);
      case "%" -> a - b * Math.floor(a / b);
      default -> throw new IllegalStateException("No operator " + operator);
    };
  }

  static Object negate(Object value) {
    defined(value);
    if (value instanceof Double d) {
      return -d;
    }
    if (isNumber(value)) {
      return -integer(value);
    }
    throw TemplateException.render("'-' is not supported for " + Values.typeName(value) + ".");
  }

  static boolean compare(String operator, Object a, Object b, Budget budget) {
    return switch (operator) {
      case "==" -> equal(a, b, budget);
      case "!=" -> !equal(a, b, budget);
      case "in" -> contains(b, a, budget);
      case "not in" -> !contains(b, a, budget);
      case "<" -> order(operator, a, b) < 0;
      case "<=" -> order(operator, a, b) <= 0;
      case ">" -> order(operator, a, b) > 0;
      case ">=" -> order(operator, a, b) >= 0;
      default -> throw new IllegalStateException("No operator " + operator);
    };
  }

  static boolean equal(Object a, Object b, Budget budget) {
    budget.step();
    if (isNumber(a) && isNumber(b)) {
      boolean floats = isFloat(a) || isFloat(b);
      return floats ? number(a) == number(b) : integer(a) == integer(b);
    }
    if (a instanceof List<?> s && b instanceof List<?> t) {
      boolean sameType = (s instanceof Tuple) == (t instanceof Tuple);
      if (s.size() != t.size() || !sameType) {
        return false;
      }
      Iterator<?> other = t.iterator();
      for (Object item : s) {
        if (!equal(item, other.next(), budget)) {
          return false;
        }
      }
      return true;
    }
    if (a instanceof Map<?, ?> s && b instanceof Map<?, ?> t) {
      return s.size() == t.size()
          && s.entrySet().stream()
              .allMatch(
                  e -> t.containsKey(e.getKey()) && equal(e.getValue(), t.get(e.getKey()), budget));
    }
    boolean bothUndefined = a instanceof Undefined && b instanceof Undefined;
    return bothUndefined || a.equals(b);
  }

  private static int order(String operator, Object a, Object b) {
    defined(a);
    defined(b);
    if (isNumber(a) && isNumber(b)) {
      boolean floats = isFloat(a) || isFloat(b);
      return floats ? Double.compare(number(a), number(b)) : Long.compare(integer(a), integer(b));
    }
    if (a instanceof String s && b instanceof String t) {
      return s.compareTo(t);
    }
    throw TemplateException.render("'" + operator + "' is not supported between "
        + Values.typeName(a) + " and " + Values.typeName(b) + ".");
  }

  private static boolean contains(Object container, Object item, Budget budget) {
    if (container instanceof String s) {
      if (item instanceof String part) {
        return s.contains(part);
      }
      throw TemplateException.render(
          "'in' needs a string to look for in a string, not " + Values.typeName(item) + ".");
    }
    if (container instanceof List<?> list) {
      return list.stream().anyMatch(other -> equal(other, item, budget));
    }
    if (container instanceof Map<?, ?> map) {
      return map.containsKey(Values.key(item));
    }
    if (container instanceof Undefined) {
      return false;
    }
    throw TemplateException.render("'in' can't look into " + Values.typeName(container) + ".");
  }

  private static void defined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
  }

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  private static boolean isFloat(Object value) {
    return value instanceof Double;
  }

  private static long integer(Object value) {
    return value instanceof Boolean b ? (b ? 1 : 0) : ((Number) value).longValue();
  }

  private static double number(Object value) {
    return value instanceof Boolean b ? (b ? 1 : 0) : ((Number) value).doubleValue();
  }
}
