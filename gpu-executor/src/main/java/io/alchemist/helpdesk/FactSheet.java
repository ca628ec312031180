package io.alchemist.helpdesk;

import com.fasterxml.jackson.core.type.TypeReference;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * All facts of the help desk, in a fixed order. Immutable: a changed fact makes a new sheet. The built-in sheet is
 * {@code facts.json} (a table per kind of subject) with {@code relations.json}.
 */
public final class FactSheet {
  /** How far a changed value may lie from the old one in {@link Relation#values()}. */
  private static final int REACH = 4;

  private final Map<String, Relation> relations;
  private final Map<String, Fact> facts;

  private FactSheet(Map<String, Relation> relations, Map<String, Fact> facts) {
    this.relations = Collections.unmodifiableMap(relations);
    this.facts = Collections.unmodifiableMap(facts);
  }

  /** The sheet in the jar. */
  public static FactSheet builtIn() {
    List<Relation> relations = Resources.read("relations.json", new TypeReference<>() {});
    Map<String, Map<String, Map<String, String>>> tables =
        Resources.read("facts.json", new TypeReference<>() {});
    List<Fact> facts = new ArrayList<>();
    tables
        .values()
        .forEach(table -> table.forEach((subject, row) ->
            row.forEach((relation, value) -> facts.add(new Fact(relation, subject, value)))));
    return of(relations, facts);
  }

  /**
   * A sheet of one's own.
   *
   * @throws IllegalArgumentException where a fact's relation is unknown, its value is not one of the relation's, or
   *     two facts have the same id
   */
  public static FactSheet of(Collection<Relation> relations, Collection<Fact> facts) {
    Map<String, Relation> byName = new LinkedHashMap<>();
    relations.forEach(relation -> byName.put(relation.name(), relation));
    Map<String, Fact> byId = new LinkedHashMap<>();
    for (Fact fact : facts) {
      check(byName, fact);
      if (byId.put(fact.id(), fact) != null) {
        throw new IllegalArgumentException(
            "Two facts have the id " + fact.id() + ", so its question has two answers: keep one");
      }
    }
    return new FactSheet(byName, byId);
  }

  /** In the order of the sheet. */
  public List<Fact> facts() {
    return List.copyOf(facts.values());
  }

  /** In the order of the sheet. */
  public List<Relation> relations() {
    return List.copyOf(relations.values());
  }

  /** The relation of a fact of this sheet. */
  public Relation relation(Fact fact) {
    return check(relations, fact);
  }

  /** The relation of that name, or {@link IllegalArgumentException}. */
  public Relation relation(String name) {
    Relation relation = relations.get(name);
    if (relation == null) {
      throw new IllegalArgumentException(
          "No relation is called " + name + ": use one of " + relations.keySet());
    }
    return relation;
  }

  /** The fact of that id, or {@link IllegalArgumentException}. */
  public Fact fact(String id) {
    Fact fact = facts.get(id);
    if (fact == null) {
      throw new IllegalArgumentException(
          "No fact has the id " + id + ": ids are relation/subject, such as opens/Harbor");
    }
    return fact;
  }

  /** This sheet with the given facts in place of those of the same ids, which must exist. */
  public FactSheet with(Collection<Fact> changed) {
    Map<String, Fact> copy = new LinkedHashMap<>(facts);
    for (Fact fact : changed) {
      fact(fact.id());
      check(relations, fact);
      copy.put(fact.id(), fact);
    }
    return new FactSheet(relations, copy);
  }

  /**
   * The fact with another value of its relation, near the old one where the relation's values are ordered. The same
   * fact and seed give the same value, whatever else changed.
   */
  public Fact changed(Fact fact, long seed) {
    List<String> values = relation(fact).values();
    int old = values.indexOf(fact.value());
    int from = Math.max(0, old - REACH);
    int to = Math.min(values.size() - 1, old + REACH);
    int drawn = from + Seeds.random(seed, fact.id().hashCode()).nextInt(to - from);
    return fact.withValue(values.get(drawn < old ? drawn : drawn + 1));
  }

  /**
   * Facts that change: {@code count} different ones, spread evenly over the relations, each with its new value. A
   * smaller count with the same seed gives a prefix of the list.
   *
   * @throws IllegalArgumentException where the sheet has fewer facts
   */
  public List<Fact> changes(int count, long seed) {
    if (count < 0 || count > facts.size()) {
      throw new IllegalArgumentException(
          "Can't change " + count + " facts: the sheet has " + facts.size() + "; ask for fewer");
    }
    SplittableRandom random = Seeds.random(seed, 0);
    List<List<Fact>> piles = new ArrayList<>();
    for (String relation : relations.keySet()) {
      List<Fact> pile = new ArrayList<>(ofRelation(relation));
      Seeds.shuffle(pile, random);
      piles.add(pile);
    }
    List<Fact> chosen = new ArrayList<>();
    for (int row = 0; chosen.size() < count; row++) {
      for (List<Fact> pile : piles) {
        if (row < pile.size() && chosen.size() < count) {
          chosen.add(changed(pile.get(row), seed));
        }
      }
    }
    return List.copyOf(chosen);
  }

  /** The facts of one relation, in the order of the sheet. */
  public List<Fact> ofRelation(String relation) {
    return facts.values().stream()
        .filter(fact -> fact.relation().equals(relation))
        .toList();
  }

  private static Relation check(Map<String, Relation> relations, Fact fact) {
    Relation relation = relations.get(fact.relation());
    if (relation == null) {
      throw new IllegalArgumentException(
          "Fact " + fact.id() + " has an unknown relation: use one of " + relations.keySet());
    }
    if (!relation.values().contains(fact.value())) {
      throw new IllegalArgumentException(
          "Fact " + fact.id() + " can't be " + fact.value() + ": use one of " + relation.values());
    }
    return relation;
  }
}
