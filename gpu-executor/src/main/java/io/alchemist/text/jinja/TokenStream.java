package io.alchemist.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The tokens of a template, read once from front to back. */
final class TokenStream {
  /** How deep expressions and blocks may nest, so that parsing can't exhaust the stack. */
  static final int MAX_DEPTH = 100;

  private final List<Token> tokens;
  private int position;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(position);
  }

  Token peekSecond() {
    return tokens.get(Math.min(position + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(position);
    position = Math.min(position + 1, tokens.size() - 1);
    return token;
  }

  boolean accept(TokenType type, String text) {
    boolean there = peek().is(type, text);
    if (there) {
      next();
    }
    return there;
  }

  /** Takes a token of the type, and of the text where one is given. */
  Token expect(TokenType type, @Nullable String text) {
    Token token = peek();
    if (token.type() != type || (text != null && !token.text().equals(text))) {
      throw unexpected(
          text != null && !text.isEmpty()
              ? "'" + text + "'"
              : new Token(type, "a name", 0).describe());
    }
    return next();
  }

  TemplateException unexpected(String wanted) {
    return error("found " + peek().describe() + " where " + wanted + " is expected.");
  }

  TemplateException error(String problem) {
    return errorAt(peek(), problem);
  }

  TemplateException errorAt(Token token, String problem) {
    return TemplateException.syntax(token.line(), problem);
  }
}
