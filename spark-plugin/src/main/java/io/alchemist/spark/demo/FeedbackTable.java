package io.alchemist.spark.demo;

import java.util.List;

/** The feedback table, as a system outside sees it. Called by one thread. */
@FunctionalInterface
public interface FeedbackTable {

  /**
   * Appends rows and returns when they are there.
   *
   * @throws RuntimeException when that failed; the same rows may be appended again later
   */
  void append(List<OutsideFeedback> rows);
}
