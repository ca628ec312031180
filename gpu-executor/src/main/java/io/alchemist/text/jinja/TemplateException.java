package io.alchemist.text.jinja;

/** A template could not be parsed or rendered. */
public final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Whose fault it is. */
  public enum Kind {
    /** The template's text is malformed or uses what this engine does not support. */
    SYNTAX,
    /** An operation failed, e.g. on a variable that is not defined. */
    RENDER,
    /** The template itself refused its input with {@code raise_exception}: the input is at fault. */
    RAISED,
    /** Rendering took too many steps, nested too deeply or wrote too much. */
    LIMIT
  }

  private final Kind kind;
  private final int line;

  private TemplateException(Kind kind, int line, String problem) {
    super(line == 0 ? problem : "Line " + line + " of the template: " + problem);
    this.kind = kind;
    this.line = line;
  }

  static TemplateException syntax(int line, String problem) {
    return new TemplateException(Kind.SYNTAX, line, problem);
  }

  /** The line is added by the statement that was being rendered. */
  static TemplateException render(String problem) {
    return new TemplateException(Kind.RENDER, 0, problem);
  }

  static TemplateException limit(String problem) {
    return new TemplateException(Kind.LIMIT, 0, problem);
  }

  /** What {@code raise_exception} throws: the template's own words, nothing added. */
  static TemplateException raised(String words) {
    return new TemplateException(Kind.RAISED, 0, words);
  }

  TemplateException at(int where) {
    if (line != 0 || kind == Kind.RAISED) {
      return this;
    }
    TemplateException located = new TemplateException(kind, where, String.valueOf(getMessage()));
    located.initCause(this);
    return located;
  }

  public Kind kind() {
    return kind;
  }

  /** Line of the template, from 1; 0 where none applies. */
  public int line() {
    return line;
  }
}
