package io.alchemist.spark.demo;

import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * What users talk about: something has changed since the model was trained, and the rest has not. Immutable and thread-safe.
 */
public interface Scenario {

  /** What has changed, in a line for the console. */
  String summary();

  /** The system prompt of every conversation; null for none. */
  @Nullable
  String systemPrompt();

  /** Tokens that are enough for a right answer. */
  int maxAnswerTokens();

  /** A question of a user, never one of the exam's about what has changed. Depends on the random numbers only. */
  DemoQuestion draw(SplittableRandom random);

  /** Other phrasings of what has changed; no user asks them, so nothing is learnt from them. */
  List<DemoQuestion> changedExam();

  /** Questions about what has not changed. */
  List<DemoQuestion> otherExam();
}
