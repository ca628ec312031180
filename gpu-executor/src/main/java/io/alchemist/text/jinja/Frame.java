package io.alchemist.text.jinja;

import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables a statement sees, and where it writes. Loops and macros open a child; assignments stay in theirs. */
final class Frame {
  private final @Nullable Frame parent;
  private final Map<String, Object> variables;
  final Budget budget;
  final Clock clock;
  final StringBuilder out;

  private Frame(
      @Nullable Frame parent,
      Map<String, Object> variables,
      Budget budget,
      Clock clock,
      StringBuilder out) {
    this.parent = parent;
    this.variables = variables;
    this.budget = budget;
    this.clock = clock;
    this.out = out;
  }

  static Frame root(Map<String, Object> variables, Clock clock) {
    return new Frame(null, new HashMap<>(variables), new Budget(), clock, new StringBuilder());
  }

  Frame child() {
    return new Frame(this, new HashMap<>(), budget, clock, out);
  }

  /** A child whose output is kept apart. */
  Frame capturing() {
    return new Frame(this, new HashMap<>(), budget, clock, new StringBuilder());
  }

  void assign(String name, Object value) {
    variables.put(name, value);
  }

  Object lookup(String name) {
    for (Frame frame = this; frame != null; frame = frame.parent) {
      Object value = frame.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    Object function = Functions.named(name);
    return function == null ? new Undefined("'" + name + "'") : function;
  }

  void write(String text) {
    long total = (long) out.length() + text.length();
    budget.chars(total > Budget.MAX_CHARS ? total : text.length());
    out.append(text);
  }
}
