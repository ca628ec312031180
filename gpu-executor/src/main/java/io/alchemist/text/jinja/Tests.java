package io.alchemist.text.jinja;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The tests: {@code value is name(arguments)}. */
final class Tests {
  private static final Set<String> NAMES = new TreeSet<>(Set.of(
      "defined",
      "undefined",
      "none",
      "string",
      "number",
      "integer",
      "float",
      "boolean",
      "true",
      "false",
      "mapping",
      "iterable",
      "sequence",
      "callable",
      "odd",
      "even",
      "divisibleby",
      "in",
      "eq",
      "equalto",
      "==",
      "ne",
      "!=",
      "lt",
      "<",
      "lessthan",
      "le",
      "<=",
      "gt",
      ">",
      "greaterthan",
      "ge",
      ">="));

  private Tests() {}

  static Set<String> names() {
    return Collections.unmodifiableSet(NAMES);
  }

  static boolean check(String name, Object value, List<Object> arguments, Budget budget) {
    if (!NAMES.contains(name)) {
      throw TemplateException.render("no test is called '" + name + "'; there are " + NAMES + ".");
    }
    return switch (name) {
      case "eq", "equalto", "==" -> compare("==", name, value, arguments, budget);
      case "ne", "!=" -> compare("!=", name, value, arguments, budget);
      case "lt", "lessthan", "<" -> compare("<", name, value, arguments, budget);
      case "le", "<=" -> compare("<=", name, value, arguments, budget);
      case "gt", "greaterthan", ">" -> compare(">", name, value, arguments, budget);
      case "ge", ">=" -> compare(">=", name, value, arguments, budget);
      case "in" -> compare("in", name, value, arguments, budget);
      case "divisibleby" ->
        Operators.equal(Operators.arithmetic("%", value, one(name, arguments), budget), 0L, budget);
      default -> {
        if (!arguments.isEmpty()) {
          throw TemplateException.render("test " + name + " takes no argument.");
        }
        yield unary(name, value, budget);
      }
    };
  }

  private static boolean unary(String name, Object value, Budget budget) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "string" -> value instanceof String;
      case "number" -> Operators.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "mapping" -> value instanceof Map<?, ?>;
      case "iterable", "sequence" ->
        value instanceof String
            || value instanceof List<?>
            || value instanceof Map<?, ?>
            || value instanceof Undefined;
      case "callable" -> value instanceof Callable;
      case "odd" -> Operators.equal(Operators.arithmetic("%", value, 2L, budget), 1L, budget);
      case "even" -> Operators.equal(Operators.arithmetic("%", value, 2L, budget), 0L, budget);
      default -> throw new IllegalStateException("No test " + name);
    };
  }

  private static boolean compare(
      String operator, String name, Object value, List<Object> arguments, Budget budget) {
    return Operators.compare(operator, value, one(name, arguments), budget);
  }

  private static Object one(String name, List<Object> arguments) {
    if (arguments.size() != 1) {
      throw TemplateException.render(
          "test " + name + " takes one argument, not " + arguments.size() + ".");
    }
    return arguments.get(0);
  }
}
