package io.alchemist.spark.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScenarioTest {
  static List<Scenario> scenarios() {
    return List.of(HelpDeskScenario.of(1), new HelpDeskScenario(11, 2), new NewFactScenario());
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void usersNeverAskWhatTheExamAsks(Scenario scenario) {
    Set<String> exam = texts(scenario.changedExam());
    exam.addAll(texts(scenario.otherExam()));
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 5_000; i++) {
      assertThat(exam).doesNotContain(scenario.draw(random).text());
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void whatIsDrawnDependsOnTheRandomNumbersOnly(Scenario scenario) {
    SplittableRandom one = new SplittableRandom(7);
    SplittableRandom other = new SplittableRandom(7);
    for (int i = 0; i < 200; i++) {
      assertThat(scenario.draw(one)).isEqualTo(scenario.draw(other));
    }
  }

  @Test
  void halfOfWhatIsAskedOfTheHelpDeskHasNotChanged() {
    HelpDeskScenario scenario = HelpDeskScenario.of(1);
    Set<Expectation> changed =
        scenario.changedExam().stream().map(DemoQuestion::expected).collect(Collectors.toSet());
    assertThat(changed).hasSize(HelpDeskScenario.CHANGED_FACTS);
    SplittableRandom random = new SplittableRandom(3);
    Set<Expectation> asked = new HashSet<>();
    int count = 0;
    for (int i = 0; i < 2_000; i++) {
      Expectation expected = scenario.draw(random).expected();
      if (changed.contains(expected)) {
        count++;
        asked.add(expected);
      }
    }
    assertThat(count).isBetween(800, 1_000);
    assertThat(asked).isEqualTo(changed);
  }

  @Test
  void aChangedFactIsJudgedByItsNewAnswer() {
    HelpDeskScenario scenario = HelpDeskScenario.of(1);
    for (DemoQuestion question : scenario.changedExam()) {
      String right = question.expected().correction();
      assertThat(right).isNotNull().endsWith(".");
      assertThat(question.expected().accepts(right + "\n")).isTrue();
      assertThat(question.expected().accepts(right + " Or not.")).isFalse();
    }
    assertThat(new HelpDeskScenario(8, 1).changedExam()).isEqualTo(scenario.changedExam());
    assertThat(new HelpDeskScenario(8, 2).changedExam()).isNotEqualTo(scenario.changedExam());
  }

  @Test
  void aWordIsFoundWholeAndInAnyCase() {
    Expectation seven = new Expectation.OneOf(List.of("seven", "7"), null);
    assertThat(seven.accepts("A week has 7 days.")).isTrue();
    assertThat(seven.accepts("Seven!")).isTrue();
    assertThat(seven.accepts("Seventy, or 17.")).isFalse();
    assertThat(seven.accepts("")).isFalse();
    assertThat(seven.correction()).isNull();
  }

  @Test
  void whatIsCorrectedIsRightAfterwards() {
    SplittableRandom random = new SplittableRandom(5);
    NewFactScenario scenario = new NewFactScenario();
    for (int i = 0; i < 1_000; i++) {
      Expectation expected = scenario.draw(random).expected();
      assertThat(expected.correction()).isNotNull().matches(expected::accepts);
    }
  }

  @Test
  void theNewFactIsNoAnswerThatAModelHas() {
    NewFactScenario scenario = new NewFactScenario();
    for (DemoQuestion question : scenario.changedExam()) {
      String correction = question.expected().correction();
      assertThat(correction).isNotNull();
      assertThat(question.expected().accepts(correction)).isTrue();
      assertThat(question.expected().accepts("It is a bear named Lionel.")).isFalse();
    }
    assertThat(scenario.otherExam())
        .allSatisfy(question -> assertThat(question.expected().correction()).isNull());
  }

  private static Set<String> texts(List<DemoQuestion> questions) {
    return questions.stream()
        .map(DemoQuestion::text)
        .collect(Collectors.toCollection(HashSet::new));
  }
}
