package io.alchemist.helpdesk;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The question templates of every relation, split by seed into those trained on and a quarter that is held out.
 *
 * <p>A phrasing may be held out only if it is new yet familiar: it neither contains nor is contained in another
 * phrasing of its relation, so its text occurs nowhere in training, and each of its words occurs in at least
 * {@value #FAMILIAR} training phrasings of the relation. So what is tested is a new wording, not a new word.
 */
public final class Phrasings {
  /** The seed of the split that the built-in model is trained and tested with. */
  public static final long BUILT_IN_SEED = 1;

  static final double HELD_OUT_SHARE = 0.25;
  static final int FAMILIAR = 2;

  private final Map<String, Halves> halves = new LinkedHashMap<>();

  private record Halves(List<String> training, List<String> heldOut) {}

  /**
   * Splits the phrasings of the relations.
   *
   * @throws IllegalArgumentException where a relation has too few phrasings that may be held out
   */
  public Phrasings(Collection<Relation> relations, long seed) {
    for (Relation relation : relations) {
      halves.put(relation.name(), split(relation, seed));
    }
  }

  /** The split of the built-in model. */
  public static Phrasings builtIn(FactSheet sheet) {
    return new Phrasings(sheet.relations(), BUILT_IN_SEED);
  }

  /** Templates of a relation, with {@code {s}} for the subject. */
  public List<String> templates(String relation, Split split) {
    Halves both = halves.get(relation);
    if (both == null) {
      throw new IllegalArgumentException(
          "No relation is called " + relation + ": use one of " + halves.keySet());
    }
    return split == Split.TRAINING ? both.training() : both.heldOut();
  }

  /** Every question of one half for a fact of the sheet. */
  public List<Question> questions(FactSheet sheet, Fact fact, Split split) {
    String answer = sheet.relation(fact).answer(fact);
    return templates(fact.relation(), split).stream()
        .map(template -> new Question(Templates.fill(template, fact.subject()), answer, fact.id()))
        .toList();
  }

  /** Every question of one half for every fact of the sheet, in its order. */
  public List<Question> questions(FactSheet sheet, Split split) {
    return sheet.facts().stream()
        .flatMap(fact -> questions(sheet, fact, split).stream())
        .toList();
  }

  private static Halves split(Relation relation, long seed) {
    List<String> order = new ArrayList<>(relation.questions());
    Seeds.shuffle(order, Seeds.random(seed, relation.name().hashCode()));
    Map<String, Integer> uses = new HashMap<>();
    order.forEach(phrasing -> words(phrasing).forEach(word -> uses.merge(word, 1, Integer::sum)));

    int wanted = (int) Math.round(order.size() * HELD_OUT_SHARE);
    Set<String> heldOut = new HashSet<>();
    for (String phrasing : order) {
      if (heldOut.size() < wanted && familiar(phrasing, uses) && independent(phrasing, order)) {
        heldOut.add(phrasing);
        words(phrasing).forEach(word -> uses.merge(word, -1, Integer::sum));
      }
    }
    if (heldOut.size() < wanted) {
      throw new IllegalArgumentException(
          ("Relation %s: only %d of %d phrasings can be held out, %d are wanted: too many have words of their own or "
                  + "contain each other; add phrasings made of words the others use")
              .formatted(relation.name(), heldOut.size(), order.size(), wanted));
    }
    return new Halves(
        relation.questions().stream()
            .filter(phrasing -> !heldOut.contains(phrasing))
            .toList(),
        relation.questions().stream().filter(heldOut::contains).toList());
  }

  /** Whether enough training phrasings have each word when this one no longer counts. */
  private static boolean familiar(String phrasing, Map<String, Integer> uses) {
    return words(phrasing).stream().allMatch(word -> uses.getOrDefault(word, 0) - 1 >= FAMILIAR);
  }

  private static boolean independent(String phrasing, List<String> all) {
    return all.stream()
        .filter(other -> !other.equals(phrasing))
        .noneMatch(
            other -> Templates.contains(other, phrasing) || Templates.contains(phrasing, other));
  }

  private static Set<String> words(String phrasing) {
    return new HashSet<>(Templates.words(phrasing));
  }
}
