package io.alchemist.text.jinja;

/** Python's None. */
enum None {
  NONE
}
