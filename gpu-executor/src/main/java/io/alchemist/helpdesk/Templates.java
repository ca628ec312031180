package io.alchemist.helpdesk;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sentences with a gap {@code {s}} for the subject, and the words of a sentence. */
final class Templates {
  /** Where the subject goes. */
  static final String SUBJECT = "{s}";

  private static final Pattern WORD = Pattern.compile("\\{s}|[\\p{L}\\p{N}]+");

  private Templates() {}

  /** Puts the subject into the template; the sentence begins with a capital letter. */
  static String fill(String template, String subject) {
    String sentence = template.replace(SUBJECT, subject);
    return Character.toUpperCase(sentence.charAt(0)) + sentence.substring(1);
  }

  /** Words in lower case without punctuation; the gap is a word of its own. */
  static List<String> words(String sentence) {
    List<String> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(sentence.toLowerCase(Locale.ROOT));
    while (matcher.find()) {
      words.add(matcher.group());
    }
    return words;
  }

  /** Whether the words of one sentence occur in the other, in order and without a gap. */
  static boolean contains(String sentence, String part) {
    String spaced = " " + String.join(" ", words(sentence)) + " ";
    return spaced.contains(" " + String.join(" ", words(part)) + " ");
  }
}
