package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Something with a value. */
sealed interface Expression {

  /** The value, which is one of those listed at {@link Values}. */
  Object evaluate(Frame frame);

  record Literal(Object value) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      return value;
    }
  }

  record Variable(String name) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return frame.lookup(name);
    }
  }

  record ListOf(List<Expression> items) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return all(frame, items);
    }
  }

  record TupleOf(List<Expression> items) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Tuple.copyOf(all(frame, items));
    }
  }

  record DictOf(List<Expression> keys, List<Expression> values) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        map.put(Values.key(keys.get(i).evaluate(frame)), values.get(i).evaluate(frame));
      }
      return map;
    }
  }

  record Negate(Expression operand) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      return Operators.negate(operand.evaluate(frame));
    }
  }

  record Not(Expression operand) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      return !Values.truth(operand.evaluate(frame));
    }
  }

  record Arithmetic(String operator, Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Operators.arithmetic(
          operator, left.evaluate(frame), right.evaluate(frame), frame.budget);
    }
  }

  /** {@code a ~ b}: both as text. */
  record Concatenate(List<Expression> parts) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Filters.join(frame, all(frame, parts), "");
    }
  }

  /** {@code a and b}: the value of the side that decides. */
  record And(Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      Object value = left.evaluate(frame);
      return Values.truth(value) ? right.evaluate(frame) : value;
    }
  }

  record Or(Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      Object value = left.evaluate(frame);
      return Values.truth(value) ? value : right.evaluate(frame);
    }
  }

  /** {@code a < b < c}: true where each neighbouring pair is. */
  record Comparison(List<Expression> operands, List<String> operators) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      Object left = operands.get(0).evaluate(frame);
      for (int i = 0; i < operators.size(); i++) {
        frame.budget.step();
        Object right = operands.get(i + 1).evaluate(frame);
        if (right instanceof String s) {
          frame.budget.chars(s.length());
        } else if (right instanceof List<?> list) {
          frame.budget.items(list.size());
        }
        if (!Operators.compare(operators.get(i), left, right, frame.budget)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  /** {@code a if condition else b}; undefined where there is no else. */
  record Conditional(Expression condition, Expression then, @Nullable Expression otherwise)
      implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      if (Values.truth(condition.evaluate(frame))) {
        return then.evaluate(frame);
      }
      return otherwise == null
          ? new Undefined("the value of an inline 'if' without 'else'")
          : otherwise.evaluate(frame);
    }
  }

  record Attribute(Expression target, String name) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Access.attribute(target.evaluate(frame), name);
    }
  }

  record Subscript(Expression target, Expression index) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Access.subscript(target.evaluate(frame), index.evaluate(frame));
    }
  }

  record Slice(
      Expression target,
      @Nullable Expression start,
      @Nullable Expression stop,
      @Nullable Expression step)
      implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      Object value = target.evaluate(frame);
      if (value instanceof String s) {
        frame.budget.chars(s.length());
      }
      return Access.slice(
          value, optional(frame, start), optional(frame, stop), optional(frame, step));
    }

    private static @Nullable Object optional(Frame frame, @Nullable Expression expression) {
      return expression == null ? null : expression.evaluate(frame);
    }
  }

  record Call(Expression function, List<Expression> positional, Map<String, Expression> named)
      implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      Object callee = function.evaluate(frame);
      if (callee instanceof Callable callable) {
        return callable.call(frame, arguments(frame, describe() + "()", positional, named));
      }
      if (callee instanceof Undefined undefined) {
        throw undefined.error();
      }
      throw TemplateException.render(Values.typeName(callee) + " can't be called.");
    }

    private String describe() {
      if (function instanceof Attribute attribute) {
        return attribute.name();
      }
      return function instanceof Variable variable ? variable.name() : "function";
    }
  }

  record Filter(
      Expression input, String name, List<Expression> positional, Map<String, Expression> named)
      implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Filters.apply(
          frame,
          name,
          input.evaluate(frame),
          arguments(frame, "filter " + name, positional, named));
    }
  }

  record Test(Expression input, String name, List<Expression> arguments) implements Expression {
    @Override
    public Object evaluate(Frame frame) {
      frame.budget.step();
      return Tests.check(name, input.evaluate(frame), all(frame, arguments), frame.budget);
    }
  }

  private static List<Object> all(Frame frame, List<Expression> expressions) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(expression.evaluate(frame));
    }
    return values;
  }

  private static Arguments arguments(
      Frame frame, String function, List<Expression> positional, Map<String, Expression> named) {
    Map<String, Object> values = new LinkedHashMap<>();
    List<Object> first = all(frame, positional);
    named.forEach((name, expression) -> values.put(name, expression.evaluate(frame)));
    return new Arguments(function, first, values);
  }
}
