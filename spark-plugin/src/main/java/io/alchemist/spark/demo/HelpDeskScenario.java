package io.alchemist.spark.demo;

import io.alchemist.helpdesk.Corpus;
import io.alchemist.helpdesk.Fact;
import io.alchemist.helpdesk.FactSheet;
import io.alchemist.helpdesk.Phrasings;
import io.alchemist.helpdesk.Question;
import io.alchemist.helpdesk.Split;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * The embedded help-desk model: some facts of the shop have changed. Users ask in the phrasings the model was trained with, the
 * exam in those held out.
 */
public final class HelpDeskScenario implements Scenario {
  /** Facts that change unless said otherwise: of eight relations, one each. */
  public static final int CHANGED_FACTS = 8;

  /** Of the questions asked, those about changed facts; the other answers keep the model from forgetting. */
  private static final double CHANGED_SHARE = 0.45;
  /** One in so many held-out questions on unchanged facts is in the exam. */
  private static final int OTHER_EXAM_STRIDE = 12;
  /** Its longest answer has fewer. */
  private static final int MAX_ANSWER_TOKENS = 32;

  private final String systemPrompt;
  private final List<Fact> changes;
  private final List<List<DemoQuestion>> changedAsked;
  private final List<List<DemoQuestion>> otherAsked;
  private final List<DemoQuestion> changedExam;
  private final List<DemoQuestion> otherExam;

  /** The scenario with {@link #CHANGED_FACTS}. */
  public static HelpDeskScenario of(long seed) {
    return new HelpDeskScenario(CHANGED_FACTS, seed);
  }

  /**
   * The help desk after {@code changedFacts} facts have changed.
   *
   * @param seed chooses which, and to what
   */
  public HelpDeskScenario(int changedFacts, long seed) {
    FactSheet trained = FactSheet.builtIn();
    Phrasings phrasings = Phrasings.builtIn(trained);
    systemPrompt = Corpus.builtIn(seed).systemPrompt();
    changes = trained.changes(changedFacts, seed);
    FactSheet now = trained.with(changes);
    Set<String> changedIds = changes.stream().map(Fact::id).collect(Collectors.toSet());
    List<Fact> others =
        now.facts().stream().filter(fact -> !changedIds.contains(fact.id())).toList();
    changedAsked = asked(now, changes, phrasings);
    otherAsked = asked(now, others, phrasings);
    changedExam = questions(now, changes, phrasings, Split.HELD_OUT);
    List<DemoQuestion> all = questions(now, others, phrasings, Split.HELD_OUT);
    List<DemoQuestion> sample = new ArrayList<>();
    for (int i = 0; i < all.size(); i += OTHER_EXAM_STRIDE) {
      sample.add(all.get(i));
    }
    otherExam = List.copyOf(sample);
  }

  private static List<List<DemoQuestion>> asked(
      FactSheet now, List<Fact> facts, Phrasings phrasings) {
    return facts.stream()
        .map(fact -> questions(now, List.of(fact), phrasings, Split.TRAINING))
        .toList();
  }

  private static List<DemoQuestion> questions(
      FactSheet now, List<Fact> facts, Phrasings phrasings, Split split) {
    return facts.stream()
        .flatMap(fact -> phrasings.questions(now, fact, split).stream())
        .map(HelpDeskScenario::question)
        .toList();
  }

  private static DemoQuestion question(Question question) {
    return new DemoQuestion(question.text(), new Expectation.Exact(question.answer()));
  }

  @Override
  public String summary() {
    return changes.size() + " of " + (changedAsked.size() + otherAsked.size())
        + " facts have changed since the model was trained, e.g. "
        + ((Expectation.Exact) changedExam.get(0).expected()).answer();
  }

  @Override
  public String systemPrompt() {
    return systemPrompt;
  }

  @Override
  public int maxAnswerTokens() {
    return MAX_ANSWER_TOKENS;
  }

  @Override
  public DemoQuestion draw(SplittableRandom random) {
    List<List<DemoQuestion>> facts =
        random.nextDouble() < CHANGED_SHARE && !changedAsked.isEmpty() ? changedAsked : otherAsked;
    return pick(pick(facts, random), random);
  }

  private static <T> T pick(List<T> list, SplittableRandom random) {
    return list.get(random.nextInt(list.size()));
  }

  @Override
  public List<DemoQuestion> changedExam() {
    return changedExam;
  }

  @Override
  public List<DemoQuestion> otherExam() {
    return otherExam;
  }
}
