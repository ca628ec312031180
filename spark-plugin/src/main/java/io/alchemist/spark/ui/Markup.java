package io.alchemist.spark.ui;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes HTML and SVG that is well-formed and whose texts are only ever texts: everything from outside goes through
 * {@link #text} or an attribute, and both escape. Not thread-safe.
 */
final class Markup {
  private final StringBuilder out = new StringBuilder(1 << 16);
  private final Deque<String> open = new ArrayDeque<>();

  /** Opens an element; attributes are names and values in turn. */
  Markup open(String element, String... attributes) {
    start(element, attributes);
    out.append('>');
    open.push(element);
    return this;
  }

  /** An element without content, of a kind that HTML allows to close itself: {@code br}, or any of SVG. */
  Markup empty(String element, String... attributes) {
    start(element, attributes);
    out.append("/>");
    return this;
  }

  /** An element with a text only. */
  Markup leaf(String element, String text, String... attributes) {
    return open(element, attributes).text(text).close();
  }

  /** A text, escaped. */
  Markup text(String text) {
    escape(text);
    return this;
  }

  /** A style sheet of ours, as it is. */
  Markup style(String sheet) {
    out.append("<style>").append(sheet).append("</style>");
    return this;
  }

  /** Closes the element opened last. */
  Markup close() {
    out.append("</").append(open.pop()).append('>');
    return this;
  }

  /**
   * All that was written.
   *
   * @throws IllegalStateException if an element is still open
   */
  String finish() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("The page ends inside of " + open + "; close these.");
    }
    return out.toString();
  }

  private void start(String element, String... attributes) {
    out.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1]);
      out.append('"');
    }
  }

  private void escape(String text) {
    text.codePoints().forEach(c -> {
      switch (c) {
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '&' -> out.append("&amp;");
        case '"' -> out.append("&quot;");
        case '\'' -> out.append("&#39;");
        default -> {
          boolean allowed = c >= ' '
              ? c < 0xD800 || (c > 0xDFFF && c < 0xFFFE) || c > 0xFFFF
              : c == '\n' || c == '\t';
          out.appendCodePoint(allowed ? c : 0xFFFD);
        }
      }
    });
  }
}
