package io.alchemist.helpdesk;

import io.alchemist.helpdesk.Bpe.Merge;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Learns byte-level BPE merges (Sennrich et al. 2016, arXiv 1508.07909): again and again the most frequent pair of
 * neighbouring tokens becomes a token, unless another pair has already made the same one. Of equally frequent pairs the one with the smaller ids comes first, so the same
 * texts give the same vocabulary on every machine. Pairs are counted anew for every merge: simple, and under a second
 * for a few thousand distinct words.
 */
public final class BpeTrainer {
  /** Enough for every word of the help desk's corpus; a multiple of 64 keeps the model's matrices aligned. */
  public static final int BUILT_IN_SIZE = 1280;

  /** A pair seen less often is not worth a token. */
  private static final int LEAST_COUNT = 2;

  private final int size;
  private final List<String> specials;

  /** Trains vocabularies of at most that many tokens, among them ChatML's special tokens and the 256 bytes. */
  public BpeTrainer(int size) {
    this.specials = ChatML.SPECIAL_TOKENS;
    this.size = size;
    int least = specials.size() + 256;
    if (size < least) {
      throw new IllegalArgumentException("A vocabulary of "
          + size
          + " tokens can't hold all bytes and special tokens: ask for at least "
          + least);
    }
  }

  /** The built-in vocabulary, from the first 40,000 dialogues of a corpus. */
  public static Bpe train(Corpus corpus) {
    return new BpeTrainer(BUILT_IN_SIZE).train(corpus.dialogues(40_000).map(ChatML::render));
  }

  /** Learns from the texts; stops early where no pair occurs twice. Special tokens in them are left whole. */
  public Bpe train(Stream<String> texts) {
    List<Word> words = count(texts);
    List<Merge> merges = new ArrayList<>();
    List<String> tokens = new ArrayList<>(new Bpe(specials, merges).tokens());
    Set<String> taken = new HashSet<>(tokens);
    while (tokens.size() < size) {
      Map<Merge, Long> pairs = new HashMap<>();
      words.forEach(word -> word.countPairs(pairs));
      pairs.keySet().removeIf(pair -> taken.contains(joined(pair, tokens)));
      Map.Entry<Merge, Long> best = best(pairs);
      if (best == null || best.getValue() < LEAST_COUNT) {
        break;
      }
      for (Word word : words) {
        word.ids = Bpe.apply(best.getKey(), tokens.size(), word.ids);
      }
      merges.add(best.getKey());
      taken.add(joined(best.getKey(), tokens));
      tokens.add(joined(best.getKey(), tokens));
    }
    return new Bpe(specials, merges);
  }

  private static String joined(Merge pair, List<String> tokens) {
    return tokens.get(pair.left()) + tokens.get(pair.right());
  }

  private List<Word> count(Stream<String> texts) {
    Pattern special = Bpe.anyOf(specials);
    Map<String, Integer> counts = new TreeMap<>();
    texts.forEach(text ->
        Bpe.pieces(text, special, token -> {}, word -> counts.merge(word, 1, Integer::sum)));
    List<Word> words = new ArrayList<>();
    counts.forEach((word, count) -> words.add(new Word(Bpe.bytes(word, specials.size()), count)));
    return words;
  }

  private static Map.@Nullable Entry<Merge, Long> best(Map<Merge, Long> pairs) {
    return pairs.entrySet().stream()
        .max(Comparator.<Map.Entry<Merge, Long>>comparingLong(Map.Entry::getValue)
            .thenComparingInt(pair -> -pair.getKey().left())
            .thenComparingInt(pair -> -pair.getKey().right()))
        .orElse(null);
  }

  /** A distinct word, how often it occurs, and its tokens so far. */
  private static final class Word {
    private int[] ids;
    private final int count;

    Word(int[] ids, int count) {
      this.ids = ids;
      this.count = count;
    }

    void countPairs(Map<Merge, Long> pairs) {
      for (int i = 0; i + 1 < ids.length; i++) {
        pairs.merge(new Merge(ids[i], ids[i + 1]), (long) count, Long::sum);
      }
    }
  }
}
