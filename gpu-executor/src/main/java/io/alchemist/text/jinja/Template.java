package io.alchemist.text.jinja;

import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A parsed template. Immutable; any number of threads may render it at once. */
public final class Template {
  private static final int MAX_SOURCE_CHARS = 1 << 20;

  private static final String TOO_DEEP =
      "the template nests blocks, macros or values too deeply for the thread's stack. Simplify it.";

  private final List<Statement> statements;

  private Template(List<Statement> statements) {
    this.statements = statements;
  }

  /**
   * Parses a template.
   *
   * @throws TemplateException of kind SYNTAX, naming the line and what is malformed or not supported
   */
  public static Template parse(String source) {
    if (source.length() > MAX_SOURCE_CHARS) {
      throw TemplateException.syntax(
          1,
          "the template has " + source.length() + " characters; at most " + MAX_SOURCE_CHARS
              + " are accepted.");
    }
    try {
      return new Template(Parser.parse(source));
    } catch (StackOverflowError e) {
      throw TemplateException.syntax(1, TOO_DEEP);
    }
  }

  /**
   * Renders the template.
   *
   * @param variables what the template sees: strings, numbers, booleans, collections, maps and nulls
   * @param clock what {@code strftime_now} reads
   * @throws TemplateException of kind RENDER, RAISED or LIMIT
   */
  public String render(Map<String, ? extends @Nullable Object> variables, Clock clock) {
    Map<String, Object> values = new LinkedHashMap<>();
    variables.forEach((name, value) -> values.put(name, Values.of(value)));
    Frame frame = Frame.root(values, clock);
    try {
      Statement.executeAll(statements, frame);
    } catch (StackOverflowError e) {
      throw TemplateException.limit(TOO_DEEP);
    }
    return frame.out.toString();
  }
}
