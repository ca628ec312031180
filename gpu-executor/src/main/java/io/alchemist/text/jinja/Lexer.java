package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a template into tokens. White space around tags is treated as Jinja2 does with {@code trim_blocks} (the newline
 * after a block or comment is dropped) and {@code lstrip_blocks} (blanks between the start of a line and a block or
 * comment are dropped); {@code -} strips all white space on its side, {@code +} keeps it.
 */
final class Lexer {
  private static final List<String> OPERATORS = List.of(
      "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "=", "<", ">", ".", ",",
      ":", "|", "(", ")", "[", "]", "{", "}");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;
  private int lineCountedTo;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokenize(String text) {
    String source = text.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    return new Lexer(source).run();
  }

  private List<Token> run() {
    while (position < source.length()) {
      int open = nextTag(position);
      if (open < 0) {
        emit(TokenType.DATA, source.substring(position), position);
        break;
      }
      char kind = source.charAt(open + 1);
      int inside = open + 2;
      char sign = inside < source.length() ? source.charAt(inside) : ' ';
      String data = source.substring(position, open);
      if (sign == '-') {
        data = Text.rstrip(data);
      } else if (sign != '+' && kind != '{') {
        data = withoutIndent(data);
      }
      if (!data.isEmpty()) {
        emit(TokenType.DATA, data, position);
      }
      position = sign == '-' || sign == '+' ? inside + 1 : inside;
      switch (kind) {
        case '#' -> comment(open);
        case '%' -> tag(open, TokenType.BLOCK_BEGIN, TokenType.BLOCK_END, "%}");
        default -> tag(open, TokenType.VARIABLE_BEGIN, TokenType.VARIABLE_END, "}}");
      }
    }
    emit(TokenType.END, "", source.length());
    return tokens;
  }

  private int nextTag(int from) {
    for (int i = source.indexOf('{', from);
        i >= 0 && i + 1 < source.length();
        i = source.indexOf('{', i + 1)) {
      char next = source.charAt(i + 1);
      if (next == '{' || next == '%' || next == '#') {
        return i;
      }
    }
    return -1;
  }

  private String withoutIndent(String data) {
    int lineStart = data.lastIndexOf('\n') + 1;
    boolean atLineStart = lineStart > 0 || position == 0 || source.charAt(position - 1) == '\n';
    boolean blank = Text.strip(data.substring(lineStart)).isEmpty();
    return atLineStart && blank ? data.substring(0, lineStart) : data;
  }

  private void comment(int open) {
    int close = source.indexOf("#}", position);
    if (close < 0) {
      throw TemplateException.syntax(
          lineAt(open), "the comment that starts here has no end. Close it with '#}'.");
    }
    char sign = close > position ? source.charAt(close - 1) : ' ';
    position = close + 2;
    afterBlock(sign);
  }

  private void afterBlock(char sign) {
    if (sign == '-') {
      skipSpace();
    } else if (sign != '+' && position < source.length() && source.charAt(position) == '\n') {
      position++;
    }
  }

  private void tag(int open, TokenType begin, TokenType end, String closing) {
    emit(begin, "", open);
    int brackets = 0;
    while (true) {
      skipSpace();
      if (position >= source.length()) {
        throw TemplateException.syntax(
            lineAt(open), "the tag that starts here has no end. Close it with '" + closing + "'.");
      }
      if (brackets == 0) {
        char c = source.charAt(position);
        boolean signed = (c == '-' || (c == '+' && end == TokenType.BLOCK_END));
        if (source.startsWith(closing, signed ? position + 1 : position)) {
          emit(end, "", position);
          position += closing.length() + (signed ? 1 : 0);
          if (end == TokenType.BLOCK_END) {
            afterBlock(signed ? c : ' ');
          } else if (signed) {
            skipSpace();
          }
          return;
        }
      }
      Token token = expressionToken();
      if (token.type() == TokenType.OPERATOR) {
        brackets += "([{".contains(token.text()) ? 1 : 0;
        brackets -= ")]}".contains(token.text()) ? 1 : 0;
      }
    }
  }

  private Token expressionToken() {
    char c = source.charAt(position);
    int start = position;
    if (c == '_' || Character.isLetter(c)) {
      while (position < source.length()
          && (source.charAt(position) == '_'
              || Character.isLetterOrDigit(source.charAt(position)))) {
        position++;
      }
      return emit(TokenType.NAME, source.substring(start, position), start);
    }
    if (isDigit(position)) {
      return number();
    }
    if (c == '\'' || c == '"') {
      return string(c);
    }
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, position)) {
        position += operator.length();
        return emit(TokenType.OPERATOR, operator, start);
      }
    }
    throw TemplateException.syntax(lineAt(start), "unexpected character '" + c + "'.");
  }

  private boolean isDigit(int at) {
    return at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '9';
  }

  private Token number() {
    int start = position;
    while (isDigit(position)) {
      position++;
    }
    boolean fraction =
        position < source.length() && source.charAt(position) == '.' && isDigit(position + 1);
    if (fraction) {
      position++;
      while (isDigit(position)) {
        position++;
      }
    }
    if (position < source.length()
        && (source.charAt(position) == '_' || Character.isLetter(source.charAt(position)))) {
      throw TemplateException.syntax(
          lineAt(start),
          "numbers with exponent, underscore or base prefix are not supported. Write plain digits.");
    }
    return emit(
        fraction ? TokenType.FLOAT : TokenType.INTEGER, source.substring(start, position), start);
  }

  private Token string(char quote) {
    int start = position++;
    StringBuilder text = new StringBuilder();
    while (position < source.length() && source.charAt(position) != quote) {
      char c = source.charAt(position++);
      if (c == '\\' && position < source.length()) {
        escape(text, source.charAt(position++), start);
      } else {
        text.append(c);
      }
    }
    if (position >= source.length()) {
      throw TemplateException.syntax(lineAt(start), "the string that starts here has no end.");
    }
    position++;
    return emit(TokenType.STRING, text.toString(), start);
  }

  /** Python's escapes; an unknown one stays as it is written. */
  private void escape(StringBuilder text, char c, int start) {
    switch (c) {
      case 'n' -> text.append('\n');
      case 't' -> text.append('\t');
      case 'r' -> text.append('\r');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'a' -> text.append('\u0007');
      case 'v' -> text.append('\u000b');
      case '\\', '\'', '"' -> text.append(c);
      case '\n' -> {}
      case 'x' -> text.appendCodePoint(hex(2, start));
      case 'u' -> text.appendCodePoint(hex(4, start));
      case 'U' -> text.appendCodePoint(hex(8, start));
      case 'N', '0', '1', '2', '3', '4', '5', '6', '7' ->
        throw TemplateException.syntax(
            lineAt(start), "the escape '\\" + c + "' is not supported. Write \\u and four digits.");
      default -> text.append('\\').append(c);
    }
  }

  private int hex(int digits, int start) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = position < source.length() ? Character.digit(source.charAt(position++), 16) : -1;
      if (digit < 0 || value > Character.MAX_CODE_POINT >> 4) {
        throw TemplateException.syntax(
            lineAt(start), "a \\x or \\u escape in this string is malformed.");
      }
      value = value << 4 | digit;
    }
    return value;
  }

  private void skipSpace() {
    while (position < source.length() && Text.isSpace(source.charAt(position))) {
      position++;
    }
  }

  private Token emit(TokenType type, String text, int at) {
    Token token = new Token(type, text, lineAt(at));
    tokens.add(token);
    return token;
  }

  /** Tokens come in order, so each character is counted once. */
  private int lineAt(int at) {
    if (at < lineCountedTo) {
      return 1 + (int) source.chars().limit(at).filter(c -> c == '\n').count();
    }
    for (int i = lineCountedTo; i < at; i++) {
      line += source.charAt(i) == '\n' ? 1 : 0;
    }
    lineCountedTo = at;
    return line;
  }
}
