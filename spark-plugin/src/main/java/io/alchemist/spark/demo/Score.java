package io.alchemist.spark.demo;

import java.util.Collection;
import java.util.List;
import java.util.Set;

/**
 * The outcome of an exam.
 *
 * @param asked the questions
 * @param right those answered rightly
 */
public record Score(List<DemoQuestion> asked, Set<DemoQuestion> right) {
  public Score {
    asked = List.copyOf(asked);
    right = Set.copyOf(right);
  }

  /** Share of right answers, in [0, 1]; not a number where nothing was asked. */
  public double accuracy() {
    return accuracyOn(asked);
  }

  /** The same of some of the questions. */
  double accuracyOn(Collection<DemoQuestion> some) {
    return (double) some.stream().filter(right::contains).count() / some.size();
  }
}
