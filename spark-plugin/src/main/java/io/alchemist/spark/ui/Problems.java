package io.alchemist.spark.ui;

import java.util.ArrayList;
import java.util.List;

/** What a person on call should look at, in words. */
final class Problems {
  /** The driver reports every few seconds; this long without a report is a fault. */
  private static final long STALE_MILLIS = 60_000;

  /** How many rounds "recent" is, and which share of their feedback may be unusable. */
  private static final int RECENT_ROUNDS = 10;

  private static final double QUARANTINED_SHARE = 0.05;
  private static final int MAX_DETAIL = 300;

  private Problems() {}

  /** The problems there are now, the gravest first. */
  static List<String> of(Snapshot now) {
    List<String> problems = new ArrayList<>();
    long silentMillis = now.nowMillis() - now.totals().fleetMillis();
    if (now.live() && now.totals().fleetMillis() > 0 && silentMillis > STALE_MILLIS) {
      problems.add("The driver has not reported its executors for " + Format.span(silentMillis)
          + ", so what is said of them below is old. See the driver's log.");
    }
    if (now.live() && !now.executors().isEmpty() && now.ready().isEmpty()) {
      problems.add("No executor is ready: nothing is served.");
    }
    executors(now, problems);
    rounds(now, problems);
    if (manyQuarantined(now)) {
      problems.add("Of the " + Format.count(received(now)) + " feedback rows in the last rounds, "
          + Format.count(quarantined(now))
          + " could not be used. The quarantine table says why, row by row.");
    }
    return problems;
  }

  /** Whether much of the feedback of the last rounds could not be used. */
  static boolean manyQuarantined(Snapshot now) {
    return quarantined(now) > QUARANTINED_SHARE * received(now);
  }

  private static long received(Snapshot now) {
    return now.rounds().stream()
        .limit(RECENT_ROUNDS)
        .mapToLong(RoundEvent::received)
        .sum();
  }

  private static long quarantined(Snapshot now) {
    return now.rounds().stream()
        .limit(RECENT_ROUNDS)
        .mapToLong(RoundEvent::quarantined)
        .sum();
  }

  private static void executors(Snapshot now, List<String> problems) {
    for (StoredExecutor executor : now.executors()) {
      ExecutorView view = executor.view();
      String what =
          switch (now.state(executor)) {
            case "FAILED" -> " has failed";
            case "LOST" -> " is lost";
            case "MISSING" -> " is reported no more, since " + Format.time(executor.seenMillis());
            default -> "";
          };
      if (!what.isEmpty()) {
        String detail = clip(view.detail());
        problems.add("Executor " + view.executorId() + " on " + view.host() + what
            + (detail.isEmpty() ? "." : ": " + detail));
      }
    }
  }

  private static void rounds(Snapshot now, List<String> problems) {
    if (now.rounds().isEmpty()) {
      return;
    }
    RoundEvent last = now.rounds().get(0);
    Double loss = last.loss();
    if (loss != null && !Double.isFinite(loss)) {
      problems.add("The loss of round " + last.round() + " is " + loss + ".");
    }
    long inRow = now.rounds().stream()
        .takeWhile(round -> Verdict.of(round) == Verdict.REJECTED)
        .count();
    if (inRow > 0) {
      problems.add((inRow == 1
              ? "The gate rejected the last round"
              : "The gate rejected the last " + inRow + " rounds")
          + ": held-out loss " + Format.loss(last.gateLossBefore()) + " before, "
          + Format.loss(last.gateLossAfter()) + " after. Version " + Format.count(now.liveNumber())
          + " stays live.");
    }
  }

  private static String clip(String detail) {
    String line = detail.lines().findFirst().orElse("");
    return line.length() > MAX_DETAIL ? line.substring(0, MAX_DETAIL) + "…" : line;
  }
}
