package io.alchemist.helpdesk;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A byte-level BPE vocabulary: special tokens first, then the 256 bytes, then one token per merge. Any text encodes.
 * Serving reads the vocabulary through its own tokenizer from the files of {@link TokenizerFiles}; this class is the
 * plain reference that training the vocabulary and its tests use. Immutable.
 */
public final class Bpe {
  /** GPT-2's cut of text into words (Radford et al. 2019); merges never cross a cut. */
  private static final Pattern WORD = Pattern.compile(
      "'(?:s|t|re|ve|m|ll|d)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
      Pattern.UNICODE_CHARACTER_CLASS);

  /** Two neighbouring tokens that become one. */
  public record Merge(int left, int right) {}

  private final List<String> specials;
  private final List<String> tokens;
  private final List<Merge> merges;
  private final Map<Merge, Integer> ranks = new HashMap<>();
  private final Pattern special;

  Bpe(List<String> specials, List<Merge> merges) {
    this.specials = List.copyOf(specials);
    this.merges = List.copyOf(merges);
    List<String> all = new ArrayList<>(specials);
    for (int value = 0; value < 256; value++) {
      all.add(String.valueOf(ByteAlphabet.character(value)));
    }
    for (Merge merge : merges) {
      ranks.put(merge, ranks.size());
      all.add(all.get(merge.left()) + all.get(merge.right()));
    }
    this.tokens = List.copyOf(all);
    this.special = anyOf(specials);
  }

  /** Tokens by id, bytes written in the printable byte alphabet. */
  public List<String> tokens() {
    return tokens;
  }

  /** In the order in which they apply. */
  public List<Merge> merges() {
    return merges;
  }

  /** The special tokens; their ids are their places. */
  public List<String> specials() {
    return specials;
  }

  /** Ids of the text; special tokens written in it are recognised, as the files' tokenizer does. */
  public int[] encode(String text) {
    List<Integer> ids = new ArrayList<>();
    pieces(text, special, token -> ids.add(specials.indexOf(token)), word -> Arrays.stream(
            encodeWord(word))
        .forEach(ids::add));
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  /** The text of the ids, special tokens written out; bytes that are no UTF-8 become U+FFFD. */
  public String decode(int... ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      String token = tokens.get(id);
      bytes.writeBytes(
          id < specials.size()
              ? token.getBytes(StandardCharsets.UTF_8)
              : ByteAlphabet.decode(token));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Applies the earliest merge present, everywhere, until none is. */
  private int[] encodeWord(String word) {
    int[] ids = bytes(word, specials.size());
    while (true) {
      int best = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < ids.length; i++) {
        best = Math.min(best, ranks.getOrDefault(new Merge(ids[i], ids[i + 1]), best));
      }
      if (best == Integer.MAX_VALUE) {
        return ids;
      }
      ids = apply(merges.get(best), specials.size() + 256 + best, ids);
    }
  }

  /** Cuts the text at special tokens and the rest into words. */
  static void pieces(
      String text, Pattern special, Consumer<String> onSpecial, Consumer<String> onWord) {
    Matcher matcher = special.matcher(text);
    int from = 0;
    while (matcher.find()) {
      words(text.substring(from, matcher.start()), onWord);
      onSpecial.accept(matcher.group());
      from = matcher.end();
    }
    words(text.substring(from), onWord);
  }

  /** Matches each of the tokens literally. */
  static Pattern anyOf(Collection<String> tokens) {
    return Pattern.compile(String.join("|", tokens.stream().map(Pattern::quote).toList()));
  }

  /** A word's bytes as ids. */
  static int[] bytes(String word, int specials) {
    int[] ids = ByteAlphabet.utf8(word);
    Arrays.setAll(ids, i -> ids[i] + specials);
    return ids;
  }

  /** Puts the new id for each occurrence of the pair, from the left. */
  static int[] apply(Merge merge, int id, int[] ids) {
    int[] merged = new int[ids.length];
    int n = 0;
    for (int i = 0; i < ids.length; i++) {
      boolean pair = i + 1 < ids.length && ids[i] == merge.left() && ids[i + 1] == merge.right();
      merged[n++] = pair ? id : ids[i];
      i += pair ? 1 : 0;
    }
    return n == ids.length ? ids : Arrays.copyOf(merged, n);
  }

  private static void words(String text, Consumer<String> onWord) {
    Matcher matcher = WORD.matcher(text);
    while (matcher.find()) {
      onWord.accept(matcher.group());
    }
  }
}
