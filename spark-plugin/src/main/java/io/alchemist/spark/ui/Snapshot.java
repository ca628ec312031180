package io.alchemist.spark.ui;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All that one rendering of the tab shows. Immutable.
 *
 * @param live whether the application runs now
 * @param nowMillis the time against which ages are taken, in milliseconds since the epoch
 * @param started what the job is; null if that was never said
 * @param totals sums over all rounds
 * @param audits how gradients from logged activations compare with recomputed ones
 * @param executors all executors, in the order of their names
 * @param rounds the rounds kept, newest first
 * @param versions the versions kept, newest first
 * @param liveVersion the version that is live; null if there is none
 */
record Snapshot(
    boolean live,
    long nowMillis,
    @Nullable StartedEvent started,
    Totals totals,
    Audits audits,
    List<StoredExecutor> executors,
    List<RoundEvent> rounds,
    List<VersionEvent> versions,
    @Nullable VersionEvent liveVersion) {

  Snapshot {
    executors =
        executors.stream().sorted((a, b) -> compareNames(a.id(), b.id())).toList();
  }

  /** The number of the live version; -1 if nothing is known. */
  long liveNumber() {
    if (liveVersion != null) {
      return liveVersion.version();
    }
    return executors.stream()
        .mapToLong(executor -> executor.view().version())
        .max()
        .orElse(-1);
  }

  /** The state to show: what the executor said last, or MISSING if the driver reports it no more. */
  String state(StoredExecutor executor) {
    boolean missing = executor.seenMillis() < totals.fleetMillis();
    return missing && !executor.view().state().equals("LOST")
        ? "MISSING"
        : executor.view().state();
  }

  /** The executors that serve. */
  List<ExecutorView> ready() {
    return executors.stream()
        .filter(executor -> state(executor).equals("READY"))
        .map(StoredExecutor::view)
        .toList();
  }

  /** The kept round of each batch that has one. */
  Map<Batch, RoundEvent> roundsByBatch() {
    Map<Batch, RoundEvent> byBatch = new HashMap<>();
    for (RoundEvent round : rounds) {
      byBatch.put(new Batch(round.queryId(), round.batchId()), round);
    }
    return byBatch;
  }

  /** A batch of a streaming query. */
  record Batch(String queryId, long batchId) {}

  /** Numbers as numbers, then the rest as text: 2 before 10 before driver. */
  private static int compareNames(String a, String b) {
    boolean numbers = a.length() != b.length() && isNumber(a) && isNumber(b);
    return numbers ? Integer.compare(a.length(), b.length()) : a.compareTo(b);
  }

  private static boolean isNumber(String name) {
    return !name.isEmpty() && name.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
