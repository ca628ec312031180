package io.alchemist.spark.demo;

/**
 * How long the demo goes on and what it is content with.
 *
 * @param users who chat
 * @param maxChatSeconds how long, counted from when they first come, until they stop at the latest
 * @param examEverySeconds how often a small exam is held meanwhile
 * @param examConcurrency exam questions under way at once
 * @param quietSeconds how long no round may end, after the users have, before the last exam
 * @param goal what a small exam must show for the users to stop
 */
public record DemoConfig(
    UsersConfig users,
    double maxChatSeconds,
    double examEverySeconds,
    int examConcurrency,
    double quietSeconds,
    Goal goal) {

  /**
   * When enough is learnt and nothing much forgotten.
   *
   * @param changedAccuracy on what has changed, at least
   * @param otherLoss of accuracy on the rest, at most
   */
  public record Goal(double changedAccuracy, double otherLoss) {}

  /** Up to two minutes of chat, with margin to what {@link DemoReport#shortfalls} demands. */
  public static DemoConfig defaults(long seed) {
    return new DemoConfig(UsersConfig.defaults(seed), 120, 7, 4, 6, new Goal(0.92, 0.04));
  }

  /** The same with another limit. */
  public DemoConfig within(double seconds) {
    return new DemoConfig(users, seconds, examEverySeconds, examConcurrency, quietSeconds, goal);
  }

  /**
   * Up to four minutes of chat by few users: a large model may be slow here, and training gets the time they leave. One more
   * answer about what has changed may be wrong than the goal says before {@link DemoReport#shortfalls} has a word to say; of the
   * rest a small model may lose all that it is allowed to, and waiting for better would end at the time limit.
   */
  public static DemoConfig forAnyModel(long seed) {
    return new DemoConfig(UsersConfig.patient(seed), 240, 30, 2, 30, new Goal(0.9, 0.1));
  }
}
