package io.alchemist.text.jinja;

import java.util.ArrayList;
import java.util.List;

/** String functions with Python's meaning. */
final class Text {
  private Text() {}

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  static String strip(String s) {
    return lstrip(rstrip(s));
  }

  static String lstrip(String s) {
    int start = 0;
    while (start < s.length() && isSpace(s.charAt(start))) {
      start++;
    }
    return s.substring(start);
  }

  static String rstrip(String s) {
    int end = s.length();
    while (end > 0 && isSpace(s.charAt(end - 1))) {
      end--;
    }
    return s.substring(0, end);
  }

  static String lstrip(String s, String chars) {
    int start = 0;
    while (start < s.length() && chars.indexOf(s.codePointAt(start)) >= 0) {
      start += Character.charCount(s.codePointAt(start));
    }
    return s.substring(start);
  }

  static String rstrip(String s, String chars) {
    int end = s.length();
    while (end > 0 && chars.indexOf(s.codePointBefore(end)) >= 0) {
      end -= Character.charCount(s.codePointBefore(end));
    }
    return s.substring(0, end);
  }

  static int length(String s) {
    return s.codePointCount(0, s.length());
  }

  /** The characters (code points) of a string, each as a string. */
  static List<Object> characters(String s) {
    List<Object> characters = new ArrayList<>();
    s.codePoints().forEach(c -> characters.add(Character.toString(c)));
    return characters;
  }

  /** Splits at runs of white space, dropping empty parts; at most {@code limit} cuts, -1 for all. */
  static List<Object> splitAtSpace(String s, long limit) {
    List<Object> parts = new ArrayList<>();
    String rest = lstrip(s);
    while (!rest.isEmpty()) {
      if (limit >= 0 && parts.size() >= limit) {
        parts.add(rest);
        break;
      }
      int end = 0;
      while (end < rest.length() && !isSpace(rest.charAt(end))) {
        end++;
      }
      parts.add(rest.substring(0, end));
      rest = lstrip(rest.substring(end));
    }
    return parts;
  }

  /** Splits at each separator; at most {@code limit} cuts, -1 for all. */
  static List<Object> split(String s, String separator, long limit) {
    if (separator.isEmpty()) {
      throw TemplateException.render("split() was given an empty separator.");
    }
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int at = s.indexOf(separator);
        at >= 0 && (limit < 0 || parts.size() < limit);
        at = s.indexOf(separator, from)) {
      parts.add(s.substring(from, at));
      from = at + separator.length();
    }
    parts.add(s.substring(from));
    return parts;
  }

  /** As {@link #split}, cutting from the right. */
  static List<Object> splitFromRight(String s, String separator, long limit) {
    List<Object> parts = new ArrayList<>();
    int end = s.length();
    if (separator.isEmpty()) {
      throw TemplateException.render("rsplit() was given an empty separator.");
    }
    while (limit < 0 || parts.size() < limit) {
      int at = s.lastIndexOf(separator, end - separator.length());
      if (at < 0 || end < separator.length()) {
        break;
      }
      parts.add(0, s.substring(at + separator.length(), end));
      end = at;
    }
    parts.add(0, s.substring(0, end));
    return parts;
  }

  static List<Object> lines(String s) {
    List<Object> lines = new ArrayList<>(
        List.of(s.split("\\r\\n|[\\n\\r\\u000b\\f\\u001c-\\u001e\\u0085\\u2028\\u2029]", -1)));
    if (((String) lines.get(lines.size() - 1)).isEmpty()) {
      lines.remove(lines.size() - 1);
    }
    return lines;
  }

  /** Replaces the first {@code limit} occurrences, -1 for all. */
  static String replace(String s, String old, String with, long limit) {
    if (limit < 0) {
      return s.replace(old, with);
    }
    StringBuilder out = new StringBuilder();
    int from = 0;
    for (long n = 0; n < limit; n++) {
      int at = s.indexOf(old, from);
      if (at < 0 || old.isEmpty()) {
        break;
      }
      out.append(s, from, at).append(with);
      from = at + old.length();
    }
    return out.append(s, from, s.length()).toString();
  }

  static String capitalize(String s) {
    if (s.isEmpty()) {
      return s;
    }
    int first = s.offsetByCodePoints(0, 1);
    return s.substring(0, first).toUpperCase(java.util.Locale.ROOT)
        + s.substring(first).toLowerCase(java.util.Locale.ROOT);
  }
}
