package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Something that writes, assigns or decides. */
sealed interface Statement {

  /** Whether the statements after this one are still wanted. */
  enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  Flow execute(Frame frame);

  /** Executes in order until one leaves the loop around them. */
  static Flow executeAll(List<Statement> statements, Frame frame) {
    for (Statement statement : statements) {
      frame.budget.step();
      Flow flow = statement.execute(frame);
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  /** Adds the line to errors of the statement within. */
  record At(int line, Statement statement) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      try {
        return statement.execute(frame);
      } catch (TemplateException e) {
        throw e.at(line);
      }
    }
  }

  record Data(String text) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      frame.write(text);
      return Flow.NEXT;
    }
  }

  record Output(Expression expression) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      frame.write(Values.text(expression.evaluate(frame)));
      return Flow.NEXT;
    }
  }

  /** A condition and what it guards. */
  record Branch(Expression condition, List<Statement> body) {}

  record If(List<Branch> branches, List<Statement> otherwise) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      for (Branch branch : branches) {
        if (Values.truth(branch.condition().evaluate(frame))) {
          return executeAll(branch.body(), frame);
        }
      }
      return executeAll(otherwise, frame);
    }
  }

  record For(
      List<String> targets,
      Expression iterable,
      @Nullable Expression condition,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {
    @Override
    public Flow execute(Frame frame) {
      List<Object> items = items(frame);
      for (int i = 0; i < items.size(); i++) {
        frame.budget.step();
        Frame inner = frame.child();
        bind(targets, items.get(i), inner);
        inner.assign("loop", new Loop(items, i));
        if (executeAll(body, inner) == Flow.BREAK) {
          break;
        }
      }
      return items.isEmpty() ? executeAll(otherwise, frame.child()) : Flow.NEXT;
    }

    private List<Object> items(Frame frame) {
      List<Object> all = Values.iterate(iterable.evaluate(frame));
      frame.budget.items(all.size());
      if (condition == null) {
        return all;
      }
      List<Object> kept = new ArrayList<>();
      for (Object item : all) {
        frame.budget.step();
        Frame inner = frame.child();
        bind(targets, item, inner);
        if (Values.truth(condition.evaluate(inner))) {
          kept.add(item);
        }
      }
      return kept;
    }
  }

  record Assign(List<String> targets, Expression value) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      bind(targets, value.evaluate(frame), frame);
      return Flow.NEXT;
    }
  }

  record AssignAttribute(String namespace, String attribute, Expression value)
      implements Statement {
    @Override
    public Flow execute(Frame frame) {
      Object target = frame.lookup(namespace);
      if (!(target instanceof Namespace owner)) {
        throw TemplateException.render("only attributes of a namespace() can be set; '" + namespace
            + "' is " + Values.typeName(target) + ".");
      }
      owner.attributes.put(attribute, value.evaluate(frame));
      return Flow.NEXT;
    }
  }

  /** {@code {% set name %}...{% endset %}}. */
  record Capture(String name, List<Statement> body) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      Frame inner = frame.capturing();
      Flow flow = executeAll(body, inner);
      frame.assign(name, inner.out.toString());
      return flow;
    }
  }

  /** Statements that only wrap others, e.g. the markers of generated text. */
  record Group(List<Statement> body) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      return executeAll(body, frame);
    }
  }

  record Macro(
      String name, List<String> parameters, List<Expression> defaults, List<Statement> body)
      implements Statement {
    @Override
    public Flow execute(Frame frame) {
      frame.assign(name, (Callable) (caller, arguments) -> call(frame, arguments));
      return Flow.NEXT;
    }

    private Object call(Frame defined, Arguments arguments) {
      arguments.allow(parameters.toArray(String[]::new));
      defined.budget.enter();
      Frame inner = defined.capturing();
      int required = parameters.size() - defaults.size();
      for (int i = 0; i < parameters.size(); i++) {
        String parameter = parameters.get(i);
        Object value = arguments.optional(i, parameter);
        if (value == null) {
          value = i < required
              ? new Undefined("parameter '" + parameter + "' of macro " + name)
              : defaults.get(i - required).evaluate(inner);
        }
        inner.assign(parameter, value);
      }
      executeAll(body, inner);
      defined.budget.leave();
      return inner.out.toString();
    }
  }

  /** {@code break} or {@code continue}. */
  record Jump(Flow flow) implements Statement {
    @Override
    public Flow execute(Frame frame) {
      return flow;
    }
  }

  private static void bind(List<String> targets, Object value, Frame frame) {
    if (targets.size() == 1) {
      frame.assign(targets.get(0), value);
      return;
    }
    List<Object> parts = Values.iterate(value);
    if (parts.size() != targets.size()) {
      throw TemplateException.render(parts.size() + " values can't be assigned to the "
          + targets.size() + " names " + targets + ".");
    }
    for (int i = 0; i < parts.size(); i++) {
      frame.assign(targets.get(i), parts.get(i));
    }
  }
}
