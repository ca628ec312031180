package io.alchemist.spark.demo;

import java.util.concurrent.atomic.LongAdder;

/** What simulated users count and time, over all the stretches in which they chat. Thread-safe. */
final class UserFigures {
  /** From sending a request to its first text, at the client, in milliseconds; streamed answers. */
  final LatencyStats firstTokenMillis = new LatencyStats();
  /** From one token to the next, at the client, in milliseconds; the mean of each streamed answer. */
  final LatencyStats perTokenMillis = new LatencyStats();

  final LongAdder answers = new LongAdder();
  final LongAdder streamed = new LongAdder();
  final LongAdder right = new LongAdder();
  final LongAdder posted = new LongAdder();
  final LongAdder appended = new LongAdder();
  final LongAdder corrections = new LongAdder();
  final LongAdder thumbs = new LongAdder();
  final LongAdder nonsense = new LongAdder();
  final LongAdder failures = new LongAdder();

  /** What they did so far. */
  UserCounts counts() {
    return new UserCounts(
        answers.sum(),
        streamed.sum(),
        right.sum(),
        posted.sum(),
        appended.sum(),
        corrections.sum(),
        thumbs.sum(),
        nonsense.sum(),
        failures.sum());
  }
}
