package io.alchemist.bench;

import io.alchemist.activation.Traits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Requests and the feedback on them. When requests come and how long they are is a trace's; who asks and who judges is made up,
 * and {@link #describe} says how:
 *
 * <ul>
 *   <li>users are active by Zipf's law, and each has an inclination to judge, drawn once: most hardly ever do, a few often;
 *   <li>two applications, each with a system prompt, in one of which users judge more readily;
 *   <li>a user's next request goes on with the last conversation when its prompt is longer than that was, three times out of four;
 *   <li>feedback comes a log-normal time after the request.
 * </ul>
 */
final class FeedbackReplay {
  /** Tokens that one of the replay stands for: a page. */
  static final int SCALE = 16;

  private static final int USERS = 4000;
  private static final double ZIPF = 0.9;
  /** Inclination is U to this power, so its mean is 1 / (1 + power). */
  private static final double INCLINATION_POWER = 9;

  private static final double[] ROUTE_FACTOR = {0.6, 1.4};
  private static final int SYSTEM_TOKENS = 128 / SCALE;
  private static final double GOES_ON = 0.75;
  private static final double MEDIAN_DELAY_SECONDS = 150;
  private static final double DELAY_SIGMA = 1.5;
  private static final double LONGEST_DELAY_SECONDS = 3600;
  /** Tokens at which attention costs as much as the linear layers, about, for a model of 8 billion parameters. */
  private static final double ATTENTION_TOKENS = 50_000;

  /** Whether requests say who asks. */
  enum Users {
    NAMED,
    ANONYMOUS
  }

  /**
   * A request and what comes of it.
   *
   * @param seconds when it comes
   * @param prompt in tokens of {@link #SCALE} tokens
   * @param feedbackSeconds when feedback comes; infinite for never
   * @param next the turn that goes on from it; -1 for none
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Turn(
      String id, Traits traits, double seconds, int[] prompt, double feedbackSeconds, int[] next) {
    boolean isJudged() {
      return feedbackSeconds < Double.POSITIVE_INFINITY;
    }
  }

  /** Where a user's next request may go on from. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Conversation(int[] tokens, int turns, int route, int @Nullable [] next) {}

  private final List<Turn> turns = new ArrayList<>();
  private final double seconds;
  private final int judged;
  private final long promptTokens;
  private long newTokens;
  private int nextToken = 1000;

  /** Makes up users and feedback for a trace. */
  FeedbackReplay(Trace trace, Users users, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] activity = new double[USERS];
    double[] inclination = new double[USERS];
    double sum = 0;
    for (int u = 0; u < USERS; u++) {
      sum += Math.pow(u + 1, -ZIPF);
      activity[u] = sum;
      inclination[u] = Math.pow(random.nextDouble(), INCLINATION_POWER);
    }
    Map<Integer, Conversation> last = new HashMap<>();
    for (Trace.Request request : trace.requests()) {
      int user = Arrays.binarySearch(activity, random.nextDouble() * sum);
      user = Math.min(USERS - 1, user < 0 ? -user - 1 : user);
      int length = Math.max(SYSTEM_TOKENS + 1, request.promptTokens() / SCALE);
      Conversation talk = next(last.get(user), length, random);
      boolean judges =
          random.nextDouble() < Math.min(0.9, inclination[user] * ROUTE_FACTOR[talk.route]);
      if (talk.next != null) {
        talk.next[0] = turns.size();
      }
      int[] own = {-1};
      turns.add(new Turn(
          "turn-" + turns.size(),
          new Traits(
              "application " + talk.route,
              users == Users.NAMED ? "user " + user : null,
              talk.turns),
          request.seconds(),
          talk.tokens,
          judges ? request.seconds() + delay(random) : Double.POSITIVE_INFINITY,
          own));
      int answer = Math.max(1, request.answerTokens() / SCALE);
      last.put(user, new Conversation(longer(talk.tokens, answer), talk.turns, talk.route, own));
    }
    seconds = trace.seconds();
    judged = (int) turns.stream().filter(Turn::isJudged).count();
    promptTokens = turns.stream().mapToLong(t -> t.prompt().length).sum();
  }

  /** A trace so many times over, one after the other. */
  static Trace again(Trace trace, int times) {
    double round = trace.seconds() * (1 + 1.0 / trace.requests().size());
    List<Trace.Request> all = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      for (Trace.Request r : trace.requests()) {
        all.add(new Trace.Request(r.seconds() + i * round, r.promptTokens(), r.answerTokens()));
      }
    }
    return new Trace(all);
  }

  private Conversation next(@Nullable Conversation before, int length, SplittableRandom random) {
    boolean goesOn = random.nextDouble() < GOES_ON;
    if (goesOn && before != null && before.tokens.length < length) {
      newTokens += length - before.tokens.length;
      return new Conversation(
          longer(before.tokens, length - before.tokens.length),
          before.turns + 1,
          before.route,
          before.next);
    }
    int route = random.nextInt(ROUTE_FACTOR.length);
    int[] system = new int[SYSTEM_TOKENS];
    Arrays.setAll(system, i -> route * SYSTEM_TOKENS + i);
    newTokens += length - SYSTEM_TOKENS;
    return new Conversation(longer(system, length - SYSTEM_TOKENS), 1, route, null);
  }

  private int[] longer(int[] tokens, int more) {
    int[] longer = Arrays.copyOf(tokens, tokens.length + more);
    for (int i = tokens.length; i < longer.length; i++) {
      longer[i] = nextToken++;
    }
    return longer;
  }

  private static double delay(SplittableRandom random) {
    double seconds;
    do {
      seconds = MEDIAN_DELAY_SECONDS * Math.exp(DELAY_SIGMA * random.nextGaussian());
    } while (seconds > LONGEST_DELAY_SECONDS);
    return seconds;
  }

  /** In the order in which they come. */
  List<Turn> turns() {
    return Collections.unmodifiableList(turns);
  }

  /** When feedback on a turn, or on one that goes on from it, comes next; infinite for never. */
  double nextFeedback(Turn turn, double after) {
    double soonest = Double.POSITIVE_INFINITY;
    for (Turn t = turn; t != null; t = t.next()[0] < 0 ? null : turns.get(t.next()[0])) {
      if (t.feedbackSeconds() > after) {
        soonest = Math.min(soonest, t.feedbackSeconds());
      }
    }
    return soonest;
  }

  /** Hits count for turns from here on: before, nothing is learnt yet. */
  double measuredFrom() {
    return seconds / 3;
  }

  /** Prompt tokens of an hour that nobody has computed before. */
  double tokensAnHour() {
    return newTokens / seconds * 3600;
  }

  /** A bound for all prompts' tokens that are kept apart. */
  int allTokens() {
    return Math.toIntExact(promptTokens);
  }

  /** What attention adds to the cost of the linear layers, for positions of a prompt. */
  double attentionShare(int from, int count) {
    return SCALE * (from + count / 2.0) / ATTENTION_TOKENS;
  }

  /** Figures and assumptions. */
  Map<String, Object> describe() {
    Map<String, Object> all = new LinkedHashMap<>();
    int[] lengths =
        turns.stream().mapToInt(t -> t.prompt().length * SCALE).sorted().toArray();
    double[] delays = turns.stream()
        .filter(Turn::isJudged)
        .mapToDouble(t -> t.feedbackSeconds() - t.seconds())
        .sorted()
        .toArray();
    all.put("requests", turns.size());
    all.put("hours", seconds / 3600);
    all.put("prompt_tokens_mean", (double) promptTokens * SCALE / turns.size());
    all.put("prompt_tokens_p50", lengths[lengths.length / 2]);
    all.put("prompt_tokens_p90", lengths[lengths.length * 9 / 10]);
    all.put("recorded_tokens_an_hour", tokensAnHour() * SCALE);
    all.put(
        "mean_turn_in_conversation",
        turns.stream().mapToInt(t -> t.traits().turn()).average().orElse(0));
    all.put("feedback_share", (double) judged / turns.size());
    all.put("feedback_delay_p50_s", delays[delays.length / 2]);
    all.put("feedback_delay_p90_s", delays[delays.length * 9 / 10]);
    all.put("assumed_users", USERS);
    all.put("assumed_user_activity_zipf", ZIPF);
    all.put(
        "assumed_inclination",
        "U^" + INCLINATION_POWER + " times " + Arrays.toString(ROUTE_FACTOR));
    all.put(
        "assumed_delay_s",
        "log-normal, median " + MEDIAN_DELAY_SECONDS + ", sigma " + DELAY_SIGMA + ", at most "
            + LONGEST_DELAY_SECONDS);
    return all;
  }
}
