package io.alchemist.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Watches one sequence's text for the strings that end it. Text is fed in pieces; what could be the beginning of a stop
 * string is held back until it is known. The string that ends first wins, the longest of those that end together, so the
 * result does not depend on how the text is cut. Each character costs constant time per stop string (Knuth, Morris,
 * Pratt 1977). Not thread-safe.
 */
public final class StopStrings {
  private final List<String> stops;
  /** Per stop string and length of a match: the longest shorter match that is also a suffix of it. */
  private final int[][] fallbacks;
  /** Per stop string: how many of its characters the text so far ends with. */
  private final int[] matched;

  private final StringBuilder held = new StringBuilder();
  private @Nullable String hit;

  /**
   * Starts at the beginning of a text.
   *
   * @param stops any number of strings, none empty
   * @throws IllegalArgumentException when one is empty
   */
  public StopStrings(List<String> stops) {
    this.stops = List.copyOf(stops);
    this.matched = new int[stops.size()];
    List<int[]> tables = new ArrayList<>();
    for (String stop : this.stops) {
      if (stop.isEmpty()) {
        throw new IllegalArgumentException(
            "A stop string is empty, which would end every text at once. Leave it out.");
      }
      tables.add(fallbacks(stop));
    }
    this.fallbacks = tables.toArray(int[][]::new);
  }

  private static int[] fallbacks(String stop) {
    int[] table = new int[stop.length() + 1];
    for (int i = 1, length = 0; i < stop.length(); i++) {
      while (length > 0 && stop.charAt(i) != stop.charAt(length)) {
        length = table[length];
      }
      length += stop.charAt(i) == stop.charAt(length) ? 1 : 0;
      table[i + 1] = length;
    }
    return table;
  }

  /**
   * Takes the next piece of the text and returns what may be shown now; nothing any more once a stop string was hit.
   * The stop string itself and what follows it are never returned.
   */
  public String append(String piece) {
    if (hit != null) {
      return "";
    }
    for (int i = 0; i < piece.length(); i++) {
      char c = piece.charAt(i);
      held.append(c);
      String found = advance(c);
      if (found != null) {
        hit = found;
        held.setLength(held.length() - found.length());
        return take(held.length());
      }
    }
    int longest = 0;
    for (int length : matched) {
      longest = Math.max(longest, length);
    }
    return take(held.length() - longest);
  }

  /** Moves every stop string by one character; the longest that is now complete, or null. */
  private @Nullable String advance(char c) {
    String found = null;
    for (int s = 0; s < matched.length; s++) {
      String stop = stops.get(s);
      int length = matched[s];
      while (length > 0 && stop.charAt(length) != c) {
        length = fallbacks[s][length];
      }
      matched[s] = stop.charAt(length) == c ? length + 1 : 0;
      if (matched[s] == stop.length() && (found == null || stop.length() > found.length())) {
        found = stop;
      }
    }
    return found;
  }

  private String take(int length) {
    String text = held.substring(0, length);
    held.delete(0, length);
    return text;
  }

  /** Ends the text: returns what was held back, which turned out to be no stop string. */
  public String flush() {
    return hit == null ? take(held.length()) : "";
  }

  /** The stop string that was hit; empty so far. */
  public Optional<String> hit() {
    return Optional.ofNullable(hit);
  }
}
