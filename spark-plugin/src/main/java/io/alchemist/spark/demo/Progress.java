package io.alchemist.spark.demo;

import java.util.List;
import java.util.Map;

/** What the demo sees of the training that runs beside its users. Asked by one thread, a few times a second. */
public interface Progress {

  /** The finished rounds with a higher number than this, in order. */
  List<RoundLine> roundsAfter(long round);

  /** What rounds trained from what serving had left, of those that were also fully recomputed. */
  Work reuse();

  /** The same examples, fully recomputed. */
  Work recompute();

  /** The largest relative error between the two gradients; not a number before the first. */
  double gradientError();

  /**
   * Training done.
   *
   * @param tokens prompt and completion tokens of all examples
   * @param seconds devices were busy with them
   */
  record Work(long tokens, double seconds) {
    /** None. */
    public static final Work NONE = new Work(0, 0);

    /** Both together. */
    public Work plus(Work other) {
      return new Work(tokens + other.tokens, seconds + other.seconds);
    }

    /** Tokens a second; not a number where there was none. */
    public double tokensPerSecond() {
      return seconds > 0 ? tokens / seconds : Double.NaN;
    }
  }

  /** The most bytes that each tier of activations held, from the fastest tier to the slowest. */
  Map<String, Long> peakBytes();

  /** Where things lie that outlast the demo, such as tables and adapter. */
  Map<String, String> places();
}
