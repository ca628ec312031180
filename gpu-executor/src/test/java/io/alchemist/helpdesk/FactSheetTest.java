package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class FactSheetTest {
  private final FactSheet sheet = FactSheet.builtIn();

  @Test
  void builtInSheetHasIndependentFactsOverManyRelations() {
    assertThat(sheet.facts()).hasSizeBetween(150, 250);
    assertThat(sheet.facts()).extracting(Fact::id).doesNotHaveDuplicates();
    assertThat(sheet.relations()).hasSize(11);
  }

  @Test
  void everyValueIsTheAnswerToSomeFact() {
    for (Relation relation : sheet.relations()) {
      assertThat(sheet.ofRelation(relation.name()).stream().map(Fact::value).distinct())
          .as(relation.name())
          .containsExactlyInAnyOrderElementsOf(relation.values());
    }
  }

  @Test
  void answersEndWithTheValueAndAreUnique() {
    assertThat(sheet.facts()).allSatisfy(fact -> assertThat(sheet.relation(fact).answer(fact))
        .contains(fact.subject())
        .endsWith(" " + fact.value() + "."));
    assertThat(sheet.facts().stream().map(fact -> sheet.relation(fact).answer(fact)))
        .doesNotHaveDuplicates();
  }

  @Property(tries = 50)
  void changedFactsAreDifferentPlausibleAndDeterministic(
      @ForAll long seed, @ForAll @IntRange(min = 0, max = 228) int count) {
    List<Fact> changes = sheet.changes(count, seed);
    assertThat(changes).hasSize(count).isEqualTo(sheet.changes(count, seed));
    assertThat(changes).extracting(Fact::id).doesNotHaveDuplicates();
    for (Fact change : changes) {
      Fact old = sheet.fact(change.id());
      List<String> values = sheet.relation(change).values();
      assertThat(change.value()).isNotEqualTo(old.value());
      assertThat(Math.abs(values.indexOf(change.value()) - values.indexOf(old.value())))
          .isBetween(1, 4);
      assertThat(sheet.changed(old, seed)).isEqualTo(change);
    }
    FactSheet changed = sheet.with(changes);
    assertThat(changed.facts()).hasSameSizeAs(sheet.facts()).containsAll(changes);
  }

  @Test
  void changesAreSpreadOverTheRelations() {
    assertThat(sheet.changes(22, 7).stream()
            .collect(Collectors.groupingBy(Fact::relation, Collectors.counting()))
            .values())
        .hasSize(11)
        .containsOnly(2L);
  }

  @Test
  void fewerChangesAreAPrefix() {
    assertThat(sheet.changes(40, 3)).startsWith(sheet.changes(15, 3).toArray(Fact[]::new));
  }

  @Test
  void refusesFactsThatDoNotFit() {
    Relation opens = sheet.relation("opens");
    Fact fact = new Fact("opens", "Harbor", "8 am");
    assertThatThrownBy(() -> FactSheet.of(List.of(opens), List.of(fact, fact.withValue("9 am"))))
        .hasMessage(
            "Two facts have the id opens/Harbor, so its question has two answers: keep one");
    assertThatThrownBy(() -> FactSheet.of(List.of(opens), List.of(fact.withValue("noon"))))
        .hasMessageStartingWith("Fact opens/Harbor can't be noon: use one of [6 am, ");
    assertThatThrownBy(
            () -> FactSheet.of(List.of(opens), List.of(new Fact("sells", "Harbor", "8 am"))))
        .hasMessage("Fact sells/Harbor has an unknown relation: use one of [opens]");
    assertThatThrownBy(() -> sheet.fact("Harbor"))
        .hasMessage("No fact has the id Harbor: ids are relation/subject, such as opens/Harbor");
    assertThatThrownBy(() -> sheet.relation("sells"))
        .hasMessageStartingWith("No relation is called sells: use one of [opens, ");
    assertThatThrownBy(() -> sheet.with(List.of(new Fact("opens", "Moon", "8 am"))))
        .hasMessageStartingWith("No fact has the id opens/Moon");
    assertThatThrownBy(() -> sheet.changes(229, 1))
        .hasMessage("Can't change 229 facts: the sheet has 228; ask for fewer");
  }
}
