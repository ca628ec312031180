package io.alchemist.spark.rounds;

/**
 * How fast a round trained.
 *
 * @param tokens of all steps' examples, prompts included
 * @param busySeconds that executors computed, added up over them
 */
public record RoundTimes(long tokens, double busySeconds) {
  /** Of a round that trained nothing. */
  public static final RoundTimes NONE = new RoundTimes(0, 0);

  /** Tokens per second of one executor; 0 where nothing was trained. */
  public double tokensPerSecond() {
    return busySeconds == 0 ? 0 : tokens / busySeconds;
  }
}
