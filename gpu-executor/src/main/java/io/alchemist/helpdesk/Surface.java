package io.alchemist.helpdesk;

import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/** How people really type: the same question with a greeting, in lower case, or without its question mark. */
final class Surface {
  private static final List<String> OPENINGS = List.of(
      "Hi, ", "Hello, ", "Hey, ", "Hi there, ", "Please, ", "Excuse me, ", "Good morning, ");
  private static final List<String> CLOSINGS =
      List.of(" please", ", please", " thanks", ", thanks");

  private Surface() {}

  /** A question, half the time as it is, else changed in one or more ways. */
  static String question(String text, SplittableRandom random) {
    if (random.nextBoolean()) {
      return text;
    }
    String changed = text;
    if (random.nextInt(100) < 12) {
      changed = unmarked(changed) + Seeds.pick(CLOSINGS, random) + mark(changed);
    }
    if (random.nextInt(100) < 45) {
      changed = Seeds.pick(OPENINGS, random) + lowerFirst(changed);
    }
    return careless(changed, random);
  }

  /** Small talk: no greeting is added, since that may be all it says. */
  static String smallTalk(String text, SplittableRandom random) {
    return random.nextBoolean() ? text : careless(text, random);
  }

  /** Often without a mark at the end, sometimes without capitals. */
  private static String careless(String text, SplittableRandom random) {
    String changed = random.nextBoolean() ? text : unmarked(text);
    int share = random.nextInt(100);
    if (share < 20) {
      return changed.toLowerCase(Locale.ROOT);
    }
    return share < 45 ? lowerFirst(changed) : changed;
  }

  private static String unmarked(String text) {
    return text.substring(0, text.length() - mark(text).length());
  }

  private static String mark(String text) {
    char last = text.charAt(text.length() - 1);
    return Character.isLetterOrDigit(last) ? "" : String.valueOf(last);
  }

  private static String lowerFirst(String text) {
    return text.startsWith("I ") ? text : Character.toLowerCase(text.charAt(0)) + text.substring(1);
  }
}
