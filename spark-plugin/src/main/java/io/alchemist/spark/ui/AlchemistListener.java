package io.alchemist.spark.ui;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.status.ElementTrackingStore;

/**
 * Keeps in the application's store what the tab shows: the latest {@value #MAX_ROUNDS} rounds and {@value #MAX_VERSIONS}
 * versions, {@value #MAX_EXECUTORS} executors with an hour of points each, and {@link Totals} over everything. Called by
 * the one thread of its queue on the listener bus, or by the thread that replays an event log.
 */
public final class AlchemistListener extends SparkListener {
  static final int MAX_ROUNDS = 1_000;
  static final int MAX_VERSIONS = 1_000;
  static final int MAX_EXECUTORS = 200;

  private final ElementTrackingStore store;
  private final AlchemistStore kept;
  private final boolean live;
  private final Map<String, ExecutorHistory> executors = new LinkedHashMap<>();
  private Totals totals = Totals.NONE;
  private Audits audits = Audits.NONE;

  /**
   * A listener that fills {@code store}.
   *
   * @param live whether the application runs now. If it does not, executors and totals are written once, when the log has
   *     been read, since the store may be on disk.
   */
  public AlchemistListener(ElementTrackingStore store, boolean live) {
    this.store = store;
    this.kept = new AlchemistStore(store);
    this.live = live;
    if (!live) {
      store.onFlush(() -> {
        executors.values().forEach(executor -> store.write(executor.stored()));
        store.write(totals);
        return null;
      });
    }
  }

  @Override
  public void onOtherEvent(SparkListenerEvent event) {
    if (event instanceof FleetEvent fleet) {
      onFleet(fleet);
    } else if (event instanceof RoundEvent round) {
      onRound(round);
    } else if (event instanceof VersionEvent version) {
      onVersion(version);
    } else if (event instanceof AuditEvent audit) {
      audits = audits.with(audit);
      store.write(audits);
      update(totals.at(audit.atMillis()));
    } else if (event instanceof StartedEvent started) {
      store.write(new StoredStart(started));
      update(totals.at(started.timeMillis()));
    }
  }

  private void onFleet(FleetEvent fleet) {
    for (ExecutorView view : fleet.executors()) {
      ExecutorHistory history = executors.get(view.executorId());
      if (history == null) {
        history = new ExecutorHistory(fleet.timeMillis(), view);
        executors.put(view.executorId(), history);
      } else {
        history.add(fleet.timeMillis(), view);
      }
      if (live) {
        store.write(history.stored());
      }
    }
    while (executors.size() > MAX_EXECUTORS) {
      forgetExecutor();
    }
    update(totals.withFleet(fleet.timeMillis()));
  }

  /** Forgets the executor that was heard of least recently; of several, the oldest. */
  private void forgetExecutor() {
    String id = executors.entrySet().stream()
        .min(Comparator.comparingLong(entry -> entry.getValue().seenMillis()))
        .orElseThrow()
        .getKey();
    executors.remove(id);
    if (live) {
      store.delete(StoredExecutor.class, id);
    }
  }

  private void onRound(RoundEvent round) {
    StoredRound before = kept.find(StoredRound.class, round.round());
    store.write(new StoredRound(round));
    long excess = store.count(StoredRound.class) - MAX_ROUNDS;
    if (excess > 0) {
      for (StoredRound oldest : kept.list(store.view(StoredRound.class).max(excess))) {
        store.delete(StoredRound.class, oldest.number());
      }
    }
    update(totals.with(round, before == null ? null : before.event()));
  }

  private void onVersion(VersionEvent version) {
    store.write(new StoredVersion(version));
    long excess = store.count(StoredVersion.class) - MAX_VERSIONS;
    if (excess > 0) {
      // One more than must go, since the live one stays however old it is.
      VersionEvent live = kept.liveVersion();
      kept.list(store.view(StoredVersion.class).max(excess + 1)).stream()
          .filter(oldest -> live == null || oldest.number() != live.version())
          .limit(excess)
          .forEach(oldest -> store.delete(StoredVersion.class, oldest.number()));
    }
    update(totals.at(version.atMillis()));
  }

  private void update(Totals now) {
    totals = now;
    if (live) {
      store.write(now);
    }
  }
}
