package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.helpdesk.Dialogue.Message;
import io.alchemist.helpdesk.Dialogue.Role;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class CorpusTest {
  private final Corpus corpus = Corpus.builtIn(11);

  @Test
  void aDialogueDependsOnSeedAndIndexOnly() {
    assertThat(Corpus.builtIn(11).dialogue(4_711)).isEqualTo(corpus.dialogue(4_711));
    assertThat(corpus.dialogues(200))
        .isEqualTo(Corpus.builtIn(11).dialogues(200).toList());
    assertThat(Corpus.builtIn(12).dialogues(50).toList())
        .isNotEqualTo(corpus.dialogues(50).toList());
  }

  @Test
  void streamIsNotAShiftedCopyOfItself() {
    List<Dialogue> dialogues = corpus.dialogues(2_000).toList();
    List<Dialogue> other = Corpus.builtIn(12).dialogues(2_000).toList();
    assertThat(new HashSet<>(dialogues)).hasSizeGreaterThan(1_900);
    assertThat(other.stream().filter(new HashSet<>(dialogues)::contains).count())
        .isLessThan(100);
  }

  @Test
  void usersAskAndTheAssistantAnswers() {
    corpus.dialogues(5_000).forEach(dialogue -> {
      List<Message> messages = dialogue.messages();
      assertThat(messages).hasSizeBetween(2, 6);
      for (int i = 0; i < messages.size(); i++) {
        assertThat(messages.get(i).role()).isEqualTo(i % 2 == 0 ? Role.USER : Role.ASSISTANT);
        assertThat(messages.get(i).text())
            .isNotBlank()
            .isEqualTo(messages.get(i).text().strip());
      }
    });
  }

  @Test
  void heldOutPhrasingsNeverOccur() {
    Set<List<String>> heldOut = corpus.heldOutQuestions().stream()
        .map(question -> Templates.words(question.text()))
        .collect(Collectors.toSet());
    Set<Integer> lengths = heldOut.stream().map(List::size).collect(Collectors.toSet());
    corpus.dialogues(30_000).flatMap(dialogue -> dialogue.messages().stream()).forEach(message -> {
      List<String> words = Templates.words(message.text());
      for (int length : lengths) {
        for (int from = 0; from + length <= words.size(); from++) {
          assertThat(heldOut.contains(words.subList(from, from + length)))
              .as(message.text())
              .isFalse();
        }
      }
    });
  }

  @Test
  void everyTrainingQuestionOccursAndOpeningQuestionsHaveOneAnswer() {
    Map<String, String> answers = new HashMap<>();
    corpus.dialogues(100_000).forEach(dialogue -> {
      String question =
          String.join(" ", Templates.words(dialogue.messages().get(0).text()));
      String answer = dialogue.messages().get(1).text();
      assertThat(answers.merge(question, answer, (a, b) -> a)).isEqualTo(answer);
    });
    List<Question> questions = corpus.phrasings().questions(corpus.sheet(), Split.TRAINING);
    long seen = questions.stream()
        .filter(q -> q.answer().equals(answers.get(String.join(" ", Templates.words(q.text())))))
        .count();
    assertThat(seen).isGreaterThan(questions.size() * 99L / 100);
  }

  @Test
  void vocabularyIsSmall() {
    Set<String> words = corpus
        .dialogues(20_000)
        .flatMap(dialogue -> dialogue.messages().stream())
        .flatMap(message -> Templates.words(message.text()).stream())
        .collect(Collectors.toSet());
    assertThat(words).hasSizeBetween(300, 800);
  }

  @Test
  void heldOutQuestionsCoverEveryFact() {
    assertThat(corpus.heldOutQuestions()).hasSizeGreaterThan(1_300);
    assertThat(corpus.heldOutQuestions().stream().map(Question::factId).distinct())
        .containsExactlyElementsOf(corpus.sheet().facts().stream().map(Fact::id).toList());
  }

  @Test
  void changedFactsChangeTheAnswersOnly() {
    List<Fact> changes = corpus.sheet().changes(228, 5);
    Corpus changed = new Corpus(corpus.sheet().with(changes), corpus.phrasings(), 11);
    for (int i = 0; i < 300; i++) {
      assertThat(users(changed.dialogue(i))).isEqualTo(users(corpus.dialogue(i)));
    }
    assertThat(changed.dialogues(300).toList())
        .isNotEqualTo(corpus.dialogues(300).toList());
  }

  @Test
  void aShareHasSystemPromptsAndSomeQuestionsHaveNoAnswer() {
    List<Dialogue> dialogues = corpus.dialogues(10_000).toList();
    assertThat(dialogues.stream().filter(d -> d.system() == null).count())
        .isBetween(3_700L, 4_300L);
    assertThat(dialogues.stream()
            .filter(d -> corpus.systemPrompt().equals(d.system()))
            .count())
        .isBetween(3_400L, 4_100L);
    assertThat(dialogues.stream()
            .filter(d -> d.messages().get(1).text().equals(corpus.unknownAnswer()))
            .count())
        .isBetween(400L, 700L);
  }

  @Test
  void saysWhatAKindOfSubjectLacks() {
    Relation ends = new Relation(
        "ends", "school", "The {s} school ends at {v}.", List.of("2 pm"), List.of("When?"));
    assertThatThrownBy(() -> SmallTalk.builtIn().strangersTo(ends))
        .hasMessage(
            "Small talk has no strangers for subjects of the kind school (relation ends): add them to talk.json");
  }

  private static List<String> users(Dialogue dialogue) {
    return dialogue.messages().stream()
        .filter(message -> message.role() == Role.USER)
        .map(Message::text)
        .toList();
  }
}
