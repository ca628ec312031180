package io.alchemist.text.jinja;

import io.alchemist.text.jinja.Statement.Flow;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Builds the statements of a template. */
final class Parser {
  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private int loops;
  private int depth;

  private Parser(String source) {
    this.tokens = new TokenStream(Lexer.tokenize(source));
    this.expressions = new ExpressionParser(tokens);
  }

  static List<Statement> parse(String source) {
    Parser parser = new Parser(source);
    List<Statement> statements = parser.until(Set.of(), "");
    if (parser.tokens.peek().type() != TokenType.END) {
      throw parser.tokens.unexpected("text or a tag");
    }
    return statements;
  }

  /** Parses up to, not including, a tag with one of the given names. */
  private List<Statement> until(Set<String> ends, String opener) {
    if (++depth > TokenStream.MAX_DEPTH) {
      throw tokens.error("blocks are nested more than " + TokenStream.MAX_DEPTH + " deep.");
    }
    List<Statement> statements = new ArrayList<>();
    while (true) {
      Token token = tokens.peek();
      switch (token.type()) {
        case DATA -> statements.add(new Statement.Data(tokens.next().text()));
        case VARIABLE_BEGIN -> {
          tokens.next();
          Expression value = expressions.tuple();
          tokens.expect(TokenType.VARIABLE_END, "");
          statements.add(new Statement.At(token.line(), new Statement.Output(value)));
        }
        case BLOCK_BEGIN -> {
          Token name = tokens.peekSecond();
          if (name.type() == TokenType.NAME && ends.contains(name.text())) {
            depth--;
            return statements;
          }
          tokens.next();
          statements.add(new Statement.At(token.line(), block()));
        }
        default -> {
          if (!ends.isEmpty()) {
            throw tokens.error("'" + opener + "' has no '" + "end" + opener + "'.");
          }
          depth--;
          return statements;
        }
      }
    }
  }

  private Statement block() {
    Token name = tokens.expect(TokenType.NAME, null);
    return switch (name.text()) {
      case "if" -> ifBlock();
      case "for" -> forBlock();
      case "set" -> set();
      case "macro" -> macro();
      case "generation" -> {
        end();
        List<Statement> body = until(Set.of("endgeneration"), "generation");
        close("endgeneration");
        yield new Statement.Group(body);
      }
      case "break", "continue" -> {
        if (loops == 0) {
          throw tokens.errorAt(name, "'" + name.text() + "' stands outside a loop.");
        }
        end();
        yield new Statement.Jump(name.text().equals("break") ? Flow.BREAK : Flow.CONTINUE);
      }
      default ->
        throw tokens.errorAt(
            name,
            "the tag '" + name.text()
                + "' is not supported here; supported are if, elif, else, for, break,"
                + " continue, set, macro, generation and their ends.");
    };
  }

  private Statement ifBlock() {
    List<Statement.Branch> branches = new ArrayList<>();
    List<Statement> otherwise = List.of();
    Expression condition = expressions.tuple();
    end();
    while (true) {
      branches.add(new Statement.Branch(condition, until(Set.of("elif", "else", "endif"), "if")));
      tokens.next();
      String name = tokens.next().text();
      if (name.equals("elif")) {
        condition = expressions.tuple();
        end();
        continue;
      }
      end();
      if (name.equals("else")) {
        otherwise = until(Set.of("endif"), "if");
        close("endif");
      }
      return new Statement.If(branches, otherwise);
    }
  }

  private Statement forBlock() {
    List<String> targets = targets();
    tokens.expect(TokenType.NAME, "in");
    Expression iterable = expressions.tupleWithoutCondition();
    Expression condition = tokens.accept(TokenType.NAME, "if") ? expressions.expression() : null;
    if (tokens.peek().is(TokenType.NAME, "recursive")) {
      throw tokens.error("recursive loops are not supported.");
    }
    end();
    loops++;
    List<Statement> body = until(Set.of("else", "endfor"), "for");
    loops--;
    tokens.next();
    String name = tokens.next().text();
    end();
    List<Statement> otherwise = List.of();
    if (name.equals("else")) {
      otherwise = until(Set.of("endfor"), "for");
      close("endfor");
    }
    return new Statement.For(targets, iterable, condition, body, otherwise);
  }

  private List<String> targets() {
    List<String> targets = new ArrayList<>();
    boolean parenthesised = tokens.accept(TokenType.OPERATOR, "(");
    do {
      Token name = tokens.expect(TokenType.NAME, null);
      if (ExpressionParser.RESERVED.contains(name.text())) {
        throw tokens.errorAt(name, "'" + name.text() + "' can't be assigned.");
      }
      targets.add(name.text());
    } while (tokens.accept(TokenType.OPERATOR, ","));
    if (parenthesised) {
      tokens.expect(TokenType.OPERATOR, ")");
    }
    return targets;
  }

  private Statement set() {
    if (tokens.peekSecond().is(TokenType.OPERATOR, ".")) {
      String namespace = tokens.expect(TokenType.NAME, null).text();
      tokens.next();
      String attribute = tokens.expect(TokenType.NAME, null).text();
      tokens.expect(TokenType.OPERATOR, "=");
      Expression value = expressions.tuple();
      end();
      return new Statement.AssignAttribute(namespace, attribute, value);
    }
    List<String> targets = targets();
    if (tokens.accept(TokenType.OPERATOR, "=")) {
      Expression value = expressions.tuple();
      end();
      return new Statement.Assign(targets, value);
    }
    if (targets.size() > 1) {
      throw tokens.unexpected("'='");
    }
    end();
    int outerLoops = loops;
    loops = 0;
    List<Statement> body = until(Set.of("endset"), "set");
    loops = outerLoops;
    close("endset");
    return new Statement.Capture(targets.get(0), body);
  }

  private Statement macro() {
    String name = tokens.expect(TokenType.NAME, null).text();
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    tokens.expect(TokenType.OPERATOR, "(");
    while (!tokens.accept(TokenType.OPERATOR, ")")) {
      if (!parameters.isEmpty()) {
        tokens.expect(TokenType.OPERATOR, ",");
      }
      parameters.add(tokens.expect(TokenType.NAME, null).text());
      if (tokens.accept(TokenType.OPERATOR, "=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.error("a parameter without default follows one with a default.");
      }
    }
    end();
    int outerLoops = loops;
    loops = 0;
    List<Statement> body = until(Set.of("endmacro"), "macro");
    loops = outerLoops;
    close("endmacro");
    return new Statement.Macro(name, parameters, defaults, body);
  }

  private void close(String name) {
    tokens.next();
    tokens.expect(TokenType.NAME, name);
    end();
  }

  private void end() {
    tokens.expect(TokenType.BLOCK_END, "");
  }
}
