package io.alchemist.text.jinja;

/**
 * The value of what does not exist. Prints as nothing, is false and empty; every operation on it fails.
 *
 * @param what how to name it in an error
 */
record Undefined(String what) {
  TemplateException error() {
    return TemplateException.render(what + " is undefined.");
  }
}
