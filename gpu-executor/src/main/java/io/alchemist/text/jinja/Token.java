package io.alchemist.text.jinja;

/**
 * A piece of a template's text.
 *
 * @param type what it is
 * @param text the text to write (DATA), the name, the unescaped string, the digits, or the operator
 * @param line where it starts, from 1
 */
record Token(TokenType type, String text, int line) {
  boolean is(TokenType wanted, String wantedText) {
    return type == wanted && text.equals(wantedText);
  }

  String describe() {
    return switch (type) {
      case END -> "the end of the template";
      case DATA -> "text";
      case VARIABLE_BEGIN -> "'{{'";
      case VARIABLE_END -> "'}}'";
      case BLOCK_BEGIN -> "'{%'";
      case BLOCK_END -> "'%}'";
      default -> "'" + text + "'";
    };
  }
}
