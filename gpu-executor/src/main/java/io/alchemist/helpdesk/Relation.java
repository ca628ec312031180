package io.alchemist.helpdesk;

import java.util.List;

/**
 * A kind of fact, how it is asked for and how it is answered. In templates {@code {s}} stands for the subject and
 * {@code {v}} for the value.
 *
 * @param name unique, such as {@code opens}
 * @param kind the kind of subject it applies to, such as {@code branch}
 * @param answer template of the one right answer; the value is its last word or words
 * @param values every value a fact of this relation may take, in an order in which neighbours are plausible changes
 *     of each other; each is used by a fact of the built-in sheet, so that the model has learnt to say it
 * @param questions templates of all phrasings, held out or not
 */
public record Relation(
    String name, String kind, String answer, List<String> values, List<String> questions) {

  public Relation {
    values = List.copyOf(values);
    questions = List.copyOf(questions);
  }

  /** The one right answer to every question for this fact. */
  public String answer(Fact fact) {
    return Templates.fill(answer, fact.subject()).replace("{v}", fact.value());
  }
}
