package io.alchemist.text.jinja;

/** What one rendering may still use. One thread. */
final class Budget {
  static final long MAX_STEPS = 2_000_000;
  static final int MAX_CHARS = 16 << 20;
  static final int MAX_ITEMS = 100_000;
  static final int MAX_DEPTH = 50;
  /** Making a string or list costs a step per this many characters or items. */
  private static final int SIZE_PER_STEP = 256;

  private long stepsLeft = MAX_STEPS;
  private int depth;

  void step() {
    spend(1);
  }

  /** To be called with the size of a text before or after it is made. */
  String made(String text) {
    chars(text.length());
    return text;
  }

  void chars(long length) {
    if (length > MAX_CHARS) {
      throw TemplateException.limit("a text of " + length + " characters is over the limit of "
          + MAX_CHARS + ". Shorten the messages or correct the template.");
    }
    spend(length / SIZE_PER_STEP);
  }

  void items(long count) {
    if (count > MAX_ITEMS) {
      throw TemplateException.limit("a list of " + count + " items is over the limit of "
          + MAX_ITEMS + ". Shorten the messages or correct the template.");
    }
    spend(count / SIZE_PER_STEP);
  }

  void enter() {
    if (++depth > MAX_DEPTH) {
      throw TemplateException.limit(
          "macros call each other more than " + MAX_DEPTH + " deep. Correct the template.");
    }
  }

  void leave() {
    depth--;
  }

  private void spend(long steps) {
    stepsLeft -= steps;
    if (stepsLeft < 0) {
      throw TemplateException.limit("rendering took more than " + MAX_STEPS
          + " steps. Shorten the messages or correct the template.");
    }
  }
}
