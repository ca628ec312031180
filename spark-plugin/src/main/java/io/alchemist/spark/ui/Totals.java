package io.alchemist.spark.ui;

import org.apache.spark.util.kvstore.KVIndex;
import org.jspecify.annotations.Nullable;

/**
 * Sums over all rounds, those too that the store keeps no more, and when something was last heard. Immutable; the
 * application's store has one.
 *
 * @param rounds rounds ended
 * @param rejected of these, how many the gate rejected
 * @param examples examples trained
 * @param received feedback rows received
 * @param quarantined of these, how many could not be used
 * @param reusedTokens prompt tokens whose logged activations were used
 * @param recomputedTokens prompt tokens that were forwarded again
 * @param firstLoss loss of the first round that had one
 * @param lastLoss loss of the latest round that had one
 * @param fleetMillis time of the latest fleet event, 0 before the first
 * @param eventMillis time of the latest event of any kind, 0 before the first
 */
record Totals(
    long rounds,
    long rejected,
    long examples,
    long received,
    long quarantined,
    long reusedTokens,
    long recomputedTokens,
    @Nullable Double firstLoss,
    @Nullable Double lastLoss,
    long fleetMillis,
    long eventMillis) {
  static final String ID = "totals";
  static final Totals NONE = new Totals(0, 0, 0, 0, 0, 0, 0, null, null, 0, 0);

  @KVIndex
  public String id() {
    return ID;
  }

  /** These and a round that ended; {@code before} is what was posted of the same round earlier, if anything was. */
  Totals with(RoundEvent round, @Nullable RoundEvent before) {
    Totals base = before == null ? this : added(before, -1);
    return base.added(round, 1).at(round.finishedAtMillis());
  }

  /** These, with a fleet event at that time. */
  Totals withFleet(long timeMillis) {
    return new Totals(
        rounds,
        rejected,
        examples,
        received,
        quarantined,
        reusedTokens,
        recomputedTokens,
        firstLoss,
        lastLoss,
        Math.max(fleetMillis, timeMillis),
        Math.max(eventMillis, timeMillis));
  }

  /** These, with an event of another kind at that time. */
  Totals at(long timeMillis) {
    return new Totals(
        rounds,
        rejected,
        examples,
        received,
        quarantined,
        reusedTokens,
        recomputedTokens,
        firstLoss,
        lastLoss,
        fleetMillis,
        Math.max(eventMillis, timeMillis));
  }

  private Totals added(RoundEvent round, int sign) {
    Double loss = round.loss();
    return new Totals(
        rounds + sign,
        rejected + (Verdict.of(round) == Verdict.REJECTED ? sign : 0),
        examples + sign * (long) round.examples(),
        received + sign * round.received(),
        quarantined + sign * round.quarantined(),
        reusedTokens + sign * round.reusedTokens(),
        recomputedTokens + sign * round.recomputedTokens(),
        firstLoss == null ? loss : firstLoss,
        loss == null ? lastLoss : loss,
        fleetMillis,
        eventMillis);
  }
}
