package io.alchemist.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Keeps control tokens out of what users write. Before rendering, each spelling of a control token in a message is
 * replaced by a mark made of Unicode noncharacters and a number; after rendering, the marks show where the spelling is to
 * be encoded as the plain text it is. One per conversation; not thread-safe.
 */
final class Guard {
  private static final char OPEN = '\uFDD0';
  private static final char CLOSE = '\uFDD1';
  private static final String MARKS = "" + OPEN + CLOSE;
  private static final Pattern MARK = Pattern.compile(OPEN + "(\\d{1,9})" + CLOSE);

  /** A part of the rendered text: of the template and harmless, or the spelling of a control token. */
  record Part(String text, boolean spelling) {}

  private final Pattern spellings;
  private final List<String> literals = new ArrayList<>();

  /** Guards against the given spellings. */
  Guard(Pattern spellings) {
    this.spellings = spellings;
  }

  /** Matches any of the tokens, and the marks' own characters. */
  static Pattern spellings(List<String> tokens) {
    List<String> longestFirst = tokens.stream()
        .filter(token -> !token.isEmpty())
        .sorted(Comparator.comparingInt(String::length).reversed())
        .toList();
    // Looking at the first character spares trying hundreds of reserved tokens at each place of a
    // text.
    String first = longestFirst.stream()
        .map(token -> Pattern.quote(Character.toString(token.codePointAt(0))) + "|")
        .distinct()
        .collect(Collectors.joining());
    String any = longestFirst.stream()
        .map(token -> Pattern.quote(token) + "|")
        .collect(Collectors.joining());
    return Pattern.compile("(?=" + first + "[" + MARKS + "])(?:" + any + "[" + MARKS + "])");
  }

  List<ChatMessage> mark(List<ChatMessage> messages) {
    List<ChatMessage> marked = new ArrayList<>();
    for (ChatMessage message : messages) {
      marked.add(new ChatMessage(mark(message.role()), mark(message.content())));
    }
    return marked;
  }

  private String mark(String text) {
    return spellings.matcher(text).replaceAll(found -> {
      literals.add(found.group());
      return "" + OPEN + (literals.size() - 1) + CLOSE;
    });
  }

  /** Cuts the rendered text at the marks. */
  List<Part> parts(String rendered) {
    List<Part> parts = new ArrayList<>();
    Matcher mark = MARK.matcher(rendered);
    int from = 0;
    while (mark.find()) {
      if (mark.start() > from) {
        parts.add(new Part(rendered.substring(from, mark.start()), false));
      }
      parts.add(new Part(literals.get(Integer.parseInt(mark.group(1))), true));
      from = mark.end();
    }
    if (from < rendered.length()) {
      parts.add(new Part(rendered.substring(from), false));
    }
    return parts;
  }
}
