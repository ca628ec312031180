package io.alchemist.spark.rounds;

import io.alchemist.feedback.RoundRecord;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Rounds as a table has them. They end tomorrow, after whatever a test does itself. */
public final class RoundRecords {
  private RoundRecords() {}

  /** A round that trained nothing and held out some feedback. */
  public static RoundRecord round(
      String query, long batch, long round, @Nullable Long candidate, List<String> heldOut) {
    return record(query, batch, round, candidate, candidate, heldOut);
  }

  /** A round that trained version {@code candidate}, which went live. */
  public static RoundRecord live(long batch, long candidate) {
    return record("q", batch, batch + 1, candidate, candidate, List.of());
  }

  /** A round that trained version {@code candidate}, which the gate refused. */
  public static RoundRecord rejected(long batch, long candidate) {
    return record("q", batch, batch + 1, null, candidate, List.of());
  }

  private static RoundRecord record(
      String query,
      long batch,
      long round,
      @Nullable Long live,
      @Nullable Long candidate,
      List<String> heldOut) {
    boolean trained = candidate != null;
    return new RoundRecord(
        query,
        batch,
        round,
        1,
        live,
        candidate,
        trained ? List.of("f" + batch) : List.of(),
        List.of(),
        heldOut,
        List.of(),
        List.of(),
        1,
        trained ? 1 : 0,
        0,
        trained ? 3 : 0,
        0,
        0,
        0,
        trained ? 0.5 : null,
        trained ? 1.0 : null,
        !trained
            ? RoundRecord.Gate.NOTHING
            : live == null ? RoundRecord.Gate.REJECTED : RoundRecord.Gate.SKIPPED,
        null,
        null,
        1,
        0.1,
        Instant.now().plus(1, ChronoUnit.DAYS).plusSeconds(round));
  }
}
