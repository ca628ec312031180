package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class PhrasingsTest {
  private final FactSheet sheet = FactSheet.builtIn();

  @Property(tries = 30)
  void aQuarterIsHeldOutAndIsNewYetFamiliar(@ForAll @LongRange(min = 0, max = 10_000) long seed) {
    Phrasings phrasings = new Phrasings(sheet.relations(), seed);
    for (Relation relation : sheet.relations()) {
      List<String> training = phrasings.templates(relation.name(), Split.TRAINING);
      List<String> heldOut = phrasings.templates(relation.name(), Split.HELD_OUT);
      assertThat(heldOut).hasSizeBetween(6, 7);
      assertThat(training).hasSizeBetween(18, 20).doesNotContainAnyElementsOf(heldOut);

      Map<String, Integer> uses = new HashMap<>();
      training.forEach(template -> new HashSet<>(Templates.words(template))
          .forEach(word -> uses.merge(word, 1, Integer::sum)));
      for (String template : heldOut) {
        assertThat(Templates.words(template))
            .as(template)
            .allSatisfy(word -> assertThat(uses.getOrDefault(word, 0)).isGreaterThanOrEqualTo(2));
        assertThat(training)
            .as(template)
            .noneMatch(other -> Templates.contains(other, template))
            .noneMatch(other -> Templates.contains(template, other));
      }
    }
  }

  @Test
  void splitDependsOnTheSeedOnly() {
    List<Question> heldOut = Phrasings.builtIn(sheet).questions(sheet, Split.HELD_OUT);
    assertThat(new Phrasings(sheet.relations(), 1).questions(sheet, Split.HELD_OUT))
        .isEqualTo(heldOut);
    assertThat(new Phrasings(sheet.relations(), 2).questions(sheet, Split.HELD_OUT))
        .isNotEqualTo(heldOut);
  }

  @Test
  void aQuestionAsksForOneFactOnly() {
    Phrasings phrasings = Phrasings.builtIn(sheet);
    Map<String, String> facts = new HashMap<>();
    for (Split split : Split.values()) {
      for (Question question : phrasings.questions(sheet, split)) {
        String text = String.join(" ", Templates.words(question.text()));
        assertThat(facts.put(text, question.factId())).as(question.text()).isNull();
      }
    }
    assertThat(facts).hasSizeGreaterThan(5_000);
  }

  @Test
  void questionsFollowTheSheet() {
    Phrasings phrasings = Phrasings.builtIn(sheet);
    Fact change = new Fact("opens", "Harbor", "11 am");
    assertThat(sheet.fact(change.id())).isNotEqualTo(change);
    assertThat(phrasings.questions(sheet.with(List.of(change)), change, Split.TRAINING))
        .hasSize(18)
        .contains(new Question(
            "When does the Harbor branch open?",
            "The Harbor branch opens at 11 am.",
            "opens/Harbor"));
  }

  @Test
  void sentencesBeginWithACapital() {
    assertThat(Phrasings.builtIn(sheet).questions(sheet, Split.TRAINING))
        .extracting(Question::text)
        .allMatch(text -> Character.isUpperCase(text.charAt(0)))
        .contains("Family tent, how much does it cost?");
  }

  @Test
  void refusesPhrasingsThatCannotBeSplit() {
    Relation opens = sheet.relation("opens");
    Relation poor = new Relation(
        "opens",
        opens.kind(),
        opens.answer(),
        opens.values(),
        List.of(
            "When does {s} open?",
            "Tell me when {s} opens.",
            "Opening time of {s}?",
            "Is {s} open at noon?"));
    assertThatThrownBy(() -> new Phrasings(List.of(poor), 1))
        .hasMessage(
            "Relation opens: only 0 of 4 phrasings can be held out, 1 are wanted: too many have words of their own or "
                + "contain each other; add phrasings made of words the others use");
    assertThatThrownBy(() -> Phrasings.builtIn(sheet).templates("sells", Split.TRAINING))
        .hasMessageStartingWith("No relation is called sells: use one of [opens, ");
  }
}
