package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Builds expressions. From loose to tight: inline if, or, and, not, comparison, {@code + -}, {@code ~},
 * {@code * / // %}, sign, then subscripts, calls, filters and tests. One class, long as it is, since each method is one
 * rule of the same grammar.
 */
final class ExpressionParser {
  static final Set<String> RESERVED = Set.of(
      "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False",
      "None");
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private static final int MAX_LINKS = 500;

  private final TokenStream tokens;
  private int depth;
  private int links;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  /** One expression, or several with commas, which make a tuple. */
  Expression tuple() {
    Expression first = expression();
    return tokens.peek().is(TokenType.OPERATOR, ",") ? rest(first, true) : first;
  }

  /** As {@link #tuple}, where an 'if' that follows belongs to the statement. */
  Expression tupleWithoutCondition() {
    enter();
    Expression first = or();
    depth--;
    return tokens.peek().is(TokenType.OPERATOR, ",") ? rest(first, false) : first;
  }

  private Expression rest(Expression first, boolean conditional) {
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.accept(TokenType.OPERATOR, ",")) {
      Token token = tokens.peek();
      if (token.type() == TokenType.VARIABLE_END
          || token.type() == TokenType.BLOCK_END
          || token.is(TokenType.OPERATOR, ")")) {
        break;
      }
      items.add(conditional ? expression() : or());
    }
    return new Expression.TupleOf(items);
  }

  Expression expression() {
    enter();
    Expression value = or();
    while (tokens.accept(TokenType.NAME, "if")) {
      Expression condition = or();
      Expression otherwise = tokens.accept(TokenType.NAME, "else") ? expression() : null;
      link();
      value = new Expression.Conditional(condition, value, otherwise);
    }
    depth--;
    return value;
  }

  /** Chains of operators become deep trees, whose evaluation needs stack too. */
  private void link() {
    if (++links > MAX_LINKS) {
      throw tokens.error("one expression has more than " + MAX_LINKS + " operators.");
    }
  }

  private void enter() {
    if (depth == 0) {
      links = 0;
    }
    if (++depth > TokenStream.MAX_DEPTH) {
      throw tokens.error("expressions are nested more than " + TokenStream.MAX_DEPTH + " deep.");
    }
  }

  private Expression or() {
    Expression left = and();
    while (tokens.accept(TokenType.NAME, "or")) {
      link();
      left = new Expression.Or(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.accept(TokenType.NAME, "and")) {
      link();
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    if (!tokens.accept(TokenType.NAME, "not")) {
      return comparison();
    }
    enter();
    Expression operand = not();
    depth--;
    return new Expression.Not(operand);
  }

  private Expression comparison() {
    List<Expression> operands = new ArrayList<>(List.of(sum()));
    List<String> operators = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      if (token.type() == TokenType.OPERATOR && COMPARISONS.contains(token.text())) {
        operators.add(tokens.next().text());
      } else if (tokens.accept(TokenType.NAME, "in")) {
        operators.add("in");
      } else if (token.is(TokenType.NAME, "not") && tokens.peekSecond().is(TokenType.NAME, "in")) {
        tokens.next();
        tokens.next();
        operators.add("not in");
      } else {
        return operators.isEmpty()
            ? operands.get(0)
            : new Expression.Comparison(operands, operators);
      }
      operands.add(sum());
    }
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.peek().is(TokenType.OPERATOR, "+") || tokens.peek().is(TokenType.OPERATOR, "-")) {
      link();
      left = new Expression.Arithmetic(tokens.next().text(), left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    List<Expression> parts = new ArrayList<>(List.of(product()));
    while (tokens.accept(TokenType.OPERATOR, "~")) {
      parts.add(product());
    }
    return parts.size() == 1 ? parts.get(0) : new Expression.Concatenate(parts);
  }

  private Expression product() {
    Expression left = signed(true);
    while (tokens.peek().type() == TokenType.OPERATOR
        && Set.of("*", "/", "//", "%", "**").contains(tokens.peek().text())) {
      if (tokens.peek().text().equals("**")) {
        throw tokens.error("the operator '**' is not supported.");
      }
      link();
      left = new Expression.Arithmetic(tokens.next().text(), left, signed(true));
    }
    return left;
  }

  private Expression signed(boolean filtered) {
    enter();
    Expression value;
    if (tokens.accept(TokenType.OPERATOR, "-")) {
      value = new Expression.Negate(signed(false));
    } else if (tokens.accept(TokenType.OPERATOR, "+")) {
      value = signed(false);
    } else {
      value = primary();
    }
    value = postfix(value);
    depth--;
    return filtered ? filters(value) : value;
  }

  private Expression primary() {
    Token token = tokens.peek();
    switch (token.type()) {
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (tokens.peek().type() == TokenType.STRING) {
          text.append(tokens.next().text());
        }
        return new Expression.Literal(text.toString());
      }
      case INTEGER, FLOAT -> {
        return new Expression.Literal(number(tokens.next()));
      }
      case NAME -> {
        return name();
      }
      case OPERATOR -> {
        switch (token.text()) {
          case "(" -> {
            tokens.next();
            if (tokens.accept(TokenType.OPERATOR, ")")) {
              return new Expression.TupleOf(List.of());
            }
            Expression inside = tuple();
            tokens.expect(TokenType.OPERATOR, ")");
            return inside;
          }
          case "[" -> {
            return list();
          }
          case "{" -> {
            return dict();
          }
          default -> throw tokens.unexpected("a value");
        }
      }
      default -> throw tokens.unexpected("a value");
    }
  }

  private Object number(Token token) {
    try {
      return token.type() == TokenType.INTEGER
          ? (Object) Long.valueOf(token.text())
          : Double.valueOf(token.text());
    } catch (NumberFormatException e) {
      throw tokens.errorAt(token, "the number " + token.text() + " is beyond 64 bits.");
    }
  }

  private Expression name() {
    Token token = tokens.next();
    return switch (token.text()) {
      case "true", "True" -> new Expression.Literal(true);
      case "false", "False" -> new Expression.Literal(false);
      case "none", "None" -> new Expression.Literal(None.NONE);
      default -> {
        if (RESERVED.contains(token.text())) {
          throw tokens.errorAt(token, "found '" + token.text() + "' where a value is expected.");
        }
        yield new Expression.Variable(token.text());
      }
    };
  }

  private Expression list() {
    tokens.next();
    List<Expression> items = new ArrayList<>();
    while (!tokens.accept(TokenType.OPERATOR, "]")) {
      if (!items.isEmpty()) {
        tokens.expect(TokenType.OPERATOR, ",");
        if (tokens.accept(TokenType.OPERATOR, "]")) {
          break;
        }
      }
      items.add(expression());
    }
    return new Expression.ListOf(items);
  }

  private Expression dict() {
    tokens.next();
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.accept(TokenType.OPERATOR, "}")) {
      if (!keys.isEmpty()) {
        tokens.expect(TokenType.OPERATOR, ",");
        if (tokens.accept(TokenType.OPERATOR, "}")) {
          break;
        }
      }
      keys.add(expression());
      tokens.expect(TokenType.OPERATOR, ":");
      values.add(expression());
    }
    return new Expression.DictOf(keys, values);
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.accept(TokenType.OPERATOR, ".")) {
        link();
        Token name = tokens.peek();
        if (name.type() == TokenType.INTEGER) {
          value = new Expression.Subscript(value, new Expression.Literal(number(tokens.next())));
        } else {
          value = new Expression.Attribute(
              value, tokens.expect(TokenType.NAME, null).text());
        }
      } else if (tokens.accept(TokenType.OPERATOR, "[")) {
        link();
        value = subscript(value);
      } else if (tokens.peek().is(TokenType.OPERATOR, "(")) {
        link();
        value = call(value);
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression target) {
    Expression start = tokens.peek().is(TokenType.OPERATOR, ":") ? null : expression();
    if (tokens.accept(TokenType.OPERATOR, "]")) {
      if (start == null) {
        throw tokens.unexpected("an index");
      }
      return new Expression.Subscript(target, start);
    }
    tokens.expect(TokenType.OPERATOR, ":");
    Expression stop = sliceBound();
    Expression step = tokens.accept(TokenType.OPERATOR, ":") ? sliceBound() : null;
    tokens.expect(TokenType.OPERATOR, "]");
    return new Expression.Slice(target, start, stop, step);
  }

  private @Nullable Expression sliceBound() {
    Token token = tokens.peek();
    return token.is(TokenType.OPERATOR, ":") || token.is(TokenType.OPERATOR, "]")
        ? null
        : expression();
  }

  private Expression call(Expression function) {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    arguments(positional, named);
    return new Expression.Call(function, positional, named);
  }

  private void arguments(List<Expression> positional, Map<String, Expression> named) {
    tokens.expect(TokenType.OPERATOR, "(");
    boolean first = true;
    while (!tokens.accept(TokenType.OPERATOR, ")")) {
      if (!first) {
        tokens.expect(TokenType.OPERATOR, ",");
        if (tokens.accept(TokenType.OPERATOR, ")")) {
          return;
        }
      }
      first = false;
      if (tokens.peek().is(TokenType.OPERATOR, "*") || tokens.peek().is(TokenType.OPERATOR, "**")) {
        throw tokens.error("unpacking arguments with '*' is not supported.");
      }
      if (tokens.peek().type() == TokenType.NAME
          && tokens.peekSecond().is(TokenType.OPERATOR, "=")) {
        String name = tokens.next().text();
        tokens.next();
        named.put(name, expression());
      } else if (named.isEmpty()) {
        positional.add(expression());
      } else {
        throw tokens.error("an argument without name follows one with a name.");
      }
    }
  }

  private Expression filters(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.accept(TokenType.OPERATOR, "|")) {
        link();
        value = filter(value);
      } else if (tokens.accept(TokenType.NAME, "is")) {
        link();
        value = test(value);
      } else if (tokens.peek().is(TokenType.OPERATOR, "(")) {
        link();
        value = call(value);
      } else {
        return value;
      }
    }
  }

  private Expression filter(Expression input) {
    Token name = tokens.expect(TokenType.NAME, null);
    if (!Filters.names().contains(name.text())) {
      throw tokens.errorAt(
          name,
          "the filter '" + name.text() + "' is not supported; supported are "
              + String.join(", ", Filters.names()) + ".");
    }
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    if (tokens.peek().is(TokenType.OPERATOR, "(")) {
      arguments(positional, named);
    }
    return new Expression.Filter(input, name.text(), positional, named);
  }

  private Expression test(Expression input) {
    boolean negated = tokens.accept(TokenType.NAME, "not");
    Token name = tokens.expect(TokenType.NAME, null);
    if (!Tests.names().contains(name.text())) {
      throw tokens.errorAt(
          name,
          "the test '" + name.text() + "' is not supported; supported are "
              + String.join(", ", Tests.names()) + ".");
    }
    List<Expression> arguments = new ArrayList<>();
    Token next = tokens.peek();
    if (next.is(TokenType.OPERATOR, "(")) {
      Map<String, Expression> named = new LinkedHashMap<>();
      arguments(arguments, named);
      if (!named.isEmpty()) {
        throw tokens.error("tests take no arguments by name.");
      }
    } else if (startsArgument(next)) {
      arguments.add(postfix(primary()));
    }
    Expression test = new Expression.Test(input, name.text(), arguments);
    return negated ? new Expression.Not(test) : test;
  }

  /** A test may be given one argument without parentheses. */
  private static boolean startsArgument(Token token) {
    return switch (token.type()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME ->
        !Set.of("else", "or", "and", "if", "in", "is", "not", "recursive").contains(token.text());
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      default -> false;
    };
  }
}
