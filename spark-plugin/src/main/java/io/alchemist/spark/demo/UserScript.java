package io.alchemist.spark.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * What one simulated user does, visit after visit, from its own random numbers alone: whatever is answered, and whenever, a user
 * of the same seed asks the same and means the same. One thread at a time.
 */
final class UserScript {
  private static final double SECOND_QUESTION_SHARE = 0.2;
  private static final double CORRECTION_SHARE = 0.9;
  private static final double THUMB_SHARE = 0.6;
  private static final double NONSENSE_SHARE = 0.03;

  private final Scenario scenario;
  private final double meanThinkMillis;
  private final SplittableRandom random;

  /** Feedback rows that no good system would write; each must end in quarantine. */
  enum Nonsense {
    UNKNOWN_TURN,
    UNKNOWN_KIND,
    EMPTY_TEXT,
    DUPLICATE_ID
  }

  /** How feedback travels. */
  enum Channel {
    POST,
    TABLE
  }

  /**
   * A question and what the user will do about its answer.
   *
   * @param corrects whether a wrong answer is corrected
   * @param praises whether a right answer gets a thumb up
   */
  record Ask(
      DemoQuestion question,
      boolean streamed,
      boolean corrects,
      boolean praises,
      Channel channel) {}

  /**
   * One conversation.
   *
   * @param asks its questions, one after the other
   * @param nonsense what is written into the table besides, or null
   * @param thinkMillis how long the user stays away afterwards
   */
  record Visit(List<Ask> asks, @Nullable Nonsense nonsense, long thinkMillis) {}

  UserScript(Scenario scenario, long seed, int user, double meanThinkMillis) {
    this.scenario = scenario;
    this.meanThinkMillis = meanThinkMillis;
    // Split, not seed + user: streams of near seeds may overlap.
    SplittableRandom root = new SplittableRandom(seed);
    SplittableRandom own = root.split();
    for (int i = 0; i < user; i++) {
      own = root.split();
    }
    this.random = own;
  }

  Visit next() {
    List<Ask> asks = new ArrayList<>();
    asks.add(ask());
    if (random.nextDouble() < SECOND_QUESTION_SHARE) {
      asks.add(ask());
    }
    Nonsense[] kinds = Nonsense.values();
    Nonsense nonsense =
        random.nextDouble() < NONSENSE_SHARE ? kinds[random.nextInt(kinds.length)] : null;
    return new Visit(
        List.copyOf(asks), nonsense, Math.round(meanThinkMillis * (0.5 + random.nextDouble())));
  }

  private Ask ask() {
    return new Ask(
        scenario.draw(random),
        random.nextBoolean(),
        random.nextDouble() < CORRECTION_SHARE,
        random.nextDouble() < THUMB_SHARE,
        random.nextBoolean() ? Channel.POST : Channel.TABLE);
  }
}
