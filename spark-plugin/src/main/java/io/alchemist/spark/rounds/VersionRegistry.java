package io.alchemist.spark.rounds;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.engine.HostGradient;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Txn;
import io.alchemist.feedback.VersionLog;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.feedback.VersionRecord.Status;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Packed;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.OptimizerState;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The versions of the adapter on the driver: which is live, what trained it, and the optimizer that goes on from it. Version 1 is what
 * every engine begins with. Used by the thread of the rounds, but for {@link #liveVersion}.
 */
final class VersionRegistry {
  private static final Logger LOG = LoggerFactory.getLogger(VersionRegistry.class);
  /** Of engines as they start. */
  private static final long FIRST = 1;
  /** So many of the newest versions are told of at the start. */
  private static final long TOLD = 1_000;

  private final JavaSparkContext spark;
  private final VersionLog log;
  private final Fleet fleet;
  private final AdapterStore store;
  private final AdapterOptimizer optimizer;
  private final Consumer<VersionRecord> listener;
  private volatile long liveVersion = FIRST;
  private long newest = FIRST;
  private AdapterData liveAdapter;
  private OptimizerState liveOptimizer;
  /** Null for the first version, which nobody needs to be sent. */
  private @Nullable Broadcast<Packed<AdapterData>> broadcast;

  VersionRegistry(
      JavaSparkContext spark,
      VersionLog log,
      Fleet fleet,
      AdapterStore store,
      AdapterOptimizer optimizer,
      Consumer<VersionRecord> listener) {
    this.spark = spark;
    this.log = log;
    this.fleet = fleet;
    this.store = store;
    this.optimizer = optimizer;
    this.listener = listener;
    this.liveAdapter = optimizer.adapter();
    this.liveOptimizer = optimizer.state();
  }

  /**
   * Goes on where the tables say the last job was, and has it served.
   *
   * @param last the newest round that has been decided, or null; its version may not have got into its table any more
   */
  void open(@Nullable RoundRecord last) {
    List<VersionRecord> known = log.all();
    if (known.isEmpty()) {
      VersionRecord first = new VersionRecord(
          FIRST, null, Status.LIVE, null, null, null, 0, null, null, Instant.now());
      log.append(List.of(first), new Txn("first-version", 0));
      known = List.of(first);
    }
    if (last != null && isMissing(last, known)) {
      record(last);
      known = log.all();
    }
    newest = known.stream().mapToLong(VersionRecord::version).max().orElse(FIRST);
    VersionRecord live = VersionLog.live(known)
        .orElseThrow(() -> new IllegalStateException(
            "No version in the table versions is LIVE. Append a row that makes one live."));
    // Of the others only those that the UI would show: each is an event on Spark's bus.
    known.stream()
        .filter(v -> v.version() > newest - TOLD || v.version() == live.version())
        .forEach(listener);
    load(live.version(), live.path());
    fleet.serve(liveVersion, broadcast);
    LOG.info("Version {} is live", liveVersion);
  }

  private static boolean isMissing(RoundRecord round, List<VersionRecord> known) {
    Long candidate = round.candidateVersion();
    return candidate != null && known.stream().noneMatch(v -> v.version() == candidate);
  }

  private void load(long version, @Nullable String path) {
    if (path != null) {
      AdapterStore.Stored stored = store.read(path);
      optimizer.restore(stored.adapter(), stored.optimizer().orElse(null));
      liveAdapter = stored.adapter();
      liveOptimizer = optimizer.state();
      broadcast = spark.broadcast(new Packed<>(stored.adapter()));
    }
    liveVersion = version;
  }

  /** The version that is served. Any thread. */
  public long liveVersion() {
    return liveVersion;
  }

  /** Its adapter. */
  AdapterData liveAdapter() {
    return liveAdapter;
  }

  /** The number that the next candidate gets. */
  long nextVersion() {
    return newest + 1;
  }

  /** Where a version's adapter lies. */
  String path(long version) {
    return store.path(version);
  }

  /** Begins training from the live version, forgetting what a round that failed had done. */
  void begin() {
    optimizer.restore(liveAdapter, liveOptimizer);
  }

  /** One step of the candidate; answers the gradient's norm. */
  double step(HostGradient gradient) {
    return optimizer.step(gradient);
  }

  /** The candidate as it is now. */
  AdapterData candidate() {
    return optimizer.adapter();
  }

  /** Writes the candidate to the warehouse. */
  void write(long version) {
    store.write(version, optimizer.adapter(), optimizer.state());
  }

  /** Enters a round's version into its table, if it made one; does nothing where it is there. */
  private void record(RoundRecord round) {
    Long candidate = round.candidateVersion();
    if (candidate == null) {
      return;
    }
    VersionRecord version = new VersionRecord(
        candidate,
        round.fromVersion(),
        round.toVersion() == null ? Status.REJECTED : Status.LIVE,
        store.path(candidate),
        round.queryId(),
        round.batchId(),
        round.examples() + round.accumulated(),
        round.loss(),
        round.gateLossAfter(),
        round.finishedAt());
    log.append(List.of(version), new Txn("versions-" + round.queryId(), round.batchId()));
    listener.accept(version);
  }

  /** Makes true what a round has decided: its version is in the table and, if it passed, served. May be done again. */
  void follow(RoundRecord round, Runnable recorded) {
    record(round);
    recorded.run();
    Long live = round.toVersion();
    // One that open() found may have been rolled back since it was decided.
    if (live != null && live > newest) {
      // What is written is what is served, also to those who come later.
      load(live, store.path(live));
    }
    Long candidate = round.candidateVersion();
    if (candidate != null) {
      newest = Math.max(newest, candidate);
    }
    if (live != null) {
      fleet.serve(liveVersion, broadcast);
    }
  }
}
