package io.alchemist.activation;

import io.alchemist.cache.Prospect;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Knows which activations are worth their memory: the chance that feedback on a turn is still to come, times the time that they
 * save in training. The chance is learnt from the feedback itself, {@link FeedbackModel} for whether it comes and {@link
 * FeedbackDelays} for when. Feedback that has come is a certainty until it is trained on. Later turns of the conversation have the
 * same prompt in theirs, so what is to be expected of those counts too.
 *
 * <p>Memory is bounded: the model's weights, counts of users by their hash, and the last turns. Given the same calls at the same
 * times it always does the same. Engine thread only.
 */
public final class Retention {
  /** Forward cost of positions of a prompt. */
  @FunctionalInterface
  public interface Costs {
    /** Seconds, or any other unit as long as seconds aren't known. */
    double forwardSeconds(int from, int count);
  }

  private static final int MAX_TURNS = 1 << 15;
  private static final int USERS = 1 << 14;
  /** Feedback not trained on for so long, e.g. a thumb down, won't be. */
  private static final long DUE_MILLIS = 600_000;

  private static final double MOST_WEIGHT = 10;
  /** Turns to be seen before follow-ups are counted on. */
  private static final double FEW_TURNS = 20;

  private final FeedbackModel model = new FeedbackModel();
  private final FeedbackDelays delays = new FeedbackDelays();
  private final Costs costs;
  private final double recordFraction;
  private final LongSupplier clockMillis;
  /** The last turns, oldest first. */
  private final Map<String, TurnProspect> turns = new LinkedHashMap<>();
  /** Turns and feedback of each user; users of the same hash share. */
  private final float[] userTurns = new float[USERS];

  private final float[] userFeedback = new float[USERS];
  private long seen;
  private long followUps;
  private double expected;
  private long heard;
  private long stray;

  /**
   * Knows nothing yet.
   *
   * @param costs what activations save
   * @param recordFraction share of the requests that may be recorded at all
   * @param clockMillis the time
   */
  public Retention(Costs costs, double recordFraction, LongSupplier clockMillis) {
    this.costs = costs;
    this.recordFraction = recordFraction;
    this.clockMillis = clockMillis;
  }

  /** Whether a request is among those that may be recorded: always the same for the same id. */
  public boolean mayRecord(String turnId) {
    long z = turnId.hashCode() * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 32)) * 0xBF58476D1CE4E5B9L;
    return (z >>> 11) * 0x1p-53 < recordFraction;
  }

  /** Takes note of a turn that has just come, and says what is to be expected of it. */
  public Prospect expect(String turnId, Traits traits, int promptTokens) {
    TurnProspect turn = new TurnProspect(
        features(traits, promptTokens), slot(traits.user()), clockMillis.getAsLong());
    forgetOldest(turn.sinceMillis);
    turns.put(turnId, turn);
    seen++;
    followUps += traits.turn() > 1 ? 1 : 0;
    expected += model.chance(turn.features);
    model.turn(turn.features);
    if (turn.user >= 0) {
      userTurns[turn.user]++;
    }
    return turn;
  }

  /** Takes note of feedback, of whatever kind; nothing happens when the turn is not remembered. */
  public void feedback(String turnId) {
    TurnProspect turn = turns.get(turnId);
    if (turn == null) {
      stray++;
      return;
    }
    hear(turn);
    turn.trained = false;
    turn.dueMillis = clockMillis.getAsLong();
  }

  /** Takes note that a turn was trained on: its activations have done what they were kept for. */
  public void trained(String turnId) {
    TurnProspect turn = turns.get(turnId);
    if (turn == null) {
      return;
    }
    hear(turn); // the feedback itself may have gone to another executor
    turn.trained = true;
  }

  private void hear(TurnProspect turn) {
    if (turn.heard) {
      return;
    }
    turn.heard = true;
    heard++;
    // What comes after its turn was forgotten is never heard of.
    double within = 1 - delays.survival(rememberedMillis());
    model.feedback(turn.features, Math.min(MOST_WEIGHT, 1 / Math.max(1e-3, within)));
    delays.observe(clockMillis.getAsLong() - turn.sinceMillis);
    if (turn.user >= 0) {
      userFeedback[turn.user]++;
    }
  }

  /** How long turns are remembered at the moment. */
  private long rememberedMillis() {
    return turns.size() < MAX_TURNS
        ? FeedbackDelays.HORIZON_MILLIS
        : clockMillis.getAsLong() - turns.values().iterator().next().sinceMillis;
  }

  private void forgetOldest(long nowMillis) {
    Iterator<TurnProspect> oldest = turns.values().iterator();
    while (oldest.hasNext()) {
      long age = nowMillis - oldest.next().sinceMillis;
      if (turns.size() < MAX_TURNS && age <= FeedbackDelays.HORIZON_MILLIS) {
        return;
      }
      oldest.remove();
    }
  }

  /** How many more turns its conversation is to have after a turn: each follow-up follows exactly one. */
  private double furtherTurns() {
    double share = followUps / (seen + FEW_TURNS);
    return share / (1 - share);
  }

  private int[] features(Traits traits, int promptTokens) {
    int user = slot(traits.user());
    return new int[] {
      FeedbackModel.feature(0, 0),
      FeedbackModel.feature(1, traits.route().hashCode()),
      FeedbackModel.feature(2, user < 0 ? -1 : String.valueOf(traits.user()).hashCode()),
      FeedbackModel.feature(3, log2(promptTokens)),
      FeedbackModel.feature(4, Math.min(traits.turn(), 8)),
      FeedbackModel.feature(5, user < 0 ? -1 : history(user))
    };
  }

  /** How much is known of a user, and how often they gave feedback. */
  private int history(int user) {
    double rate = (userFeedback[user] + 0.1) / (userTurns[user] + 2);
    return Math.min(6, log2((int) userTurns[user] + 1)) * 16
        + (int) Math.min(15, -2 * Math.log(rate));
  }

  private static int log2(int n) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(n);
  }

  private static int slot(@Nullable String user) {
    return user == null ? -1 : FeedbackModel.feature(6, user.hashCode()) & (USERS - 1);
  }

  /** What was expected and what came. */
  public RetentionStats stats() {
    return new RetentionStats(seen, expected, heard, stray);
  }

  /** Turns remembered. */
  int remembered() {
    return turns.size();
  }

  /** A turn. Lives on with the activations that it was recorded in, when it is not remembered any more. */
  private final class TurnProspect implements Prospect {
    private final int[] features;
    private final int user;
    private final long sinceMillis;
    private boolean heard;
    private boolean trained;
    private long dueMillis;

    TurnProspect(int[] features, int user, long sinceMillis) {
      this.features = features;
      this.user = user;
      this.sinceMillis = sinceMillis;
    }

    /** How often training will want it from now on: for the turn itself, and for those that go on from it. */
    private double expectedUses() {
      long now = clockMillis.getAsLong();
      double ever = model.chance(features);
      double later = ever * delays.survival(now - sinceMillis);
      double followUps = furtherTurns() * later;
      if (trained) {
        return followUps;
      }
      if (heard) {
        return followUps + (now - dueMillis < DUE_MILLIS ? 1 : 0);
      }
      return followUps + later / (1 - ever + later);
    }

    @Override
    public double expectedSeconds(int from, int count) {
      return expectedUses() * costs.forwardSeconds(from, count);
    }
  }
}
