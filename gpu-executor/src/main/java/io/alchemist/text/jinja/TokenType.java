package io.alchemist.text.jinja;

/** What a {@link Token} is. */
enum TokenType {
  DATA,
  VARIABLE_BEGIN,
  VARIABLE_END,
  BLOCK_BEGIN,
  BLOCK_END,
  NAME,
  STRING,
  INTEGER,
  FLOAT,
  OPERATOR,
  END
}
