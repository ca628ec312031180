package io.alchemist.spark.ui;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.util.kvstore.KVStore;
import org.apache.spark.util.kvstore.KVStoreIterator;
import org.apache.spark.util.kvstore.KVStoreView;
import org.jspecify.annotations.Nullable;

/** Reads what {@link AlchemistListener} kept. Thread-safe, as the store is. */
final class AlchemistStore {
  private final KVStore store;

  AlchemistStore(KVStore store) {
    this.store = store;
  }

  /** Whether the application ever posted anything for the tab. */
  boolean isEmpty() {
    try {
      return find(StoredStart.class, StoredStart.ID) == null
          && store.count(StoredRound.class) == 0
          && store.count(StoredVersion.class) == 0
          && store.count(StoredExecutor.class) == 0;
    } catch (Exception e) {
      throw unreadable(e);
    }
  }

  /**
   * All that is kept, as it is now.
   *
   * @param live whether the application runs
   * @param nowMillis the time of an application that runs; of one that does not it is that of its last event
   */
  Snapshot snapshot(boolean live, long nowMillis) {
    StoredStart start = find(StoredStart.class, StoredStart.ID);
    Totals stored = find(Totals.class, Totals.ID);
    Totals totals = stored == null ? Totals.NONE : stored;
    Audits audits = find(Audits.class, Audits.ID);
    List<RoundEvent> rounds =
        list(view(StoredRound.class).reverse()).stream().map(StoredRound::event).toList();
    List<VersionEvent> versions = list(view(StoredVersion.class).reverse()).stream()
        .map(StoredVersion::event)
        .toList();
    return new Snapshot(
        live,
        live ? nowMillis : totals.eventMillis(),
        start == null ? null : start.event(),
        totals,
        audits == null ? Audits.NONE : audits,
        list(view(StoredExecutor.class)),
        rounds,
        versions,
        liveVersion());
  }

  /** The version that is live: of those with the status LIVE the one that became it last; null if there is none. */
  @Nullable
  VersionEvent liveVersion() {
    VersionEvent newest = null;
    for (StoredVersion stored : list(view(StoredVersion.class))) {
      VersionEvent version = stored.event();
      if (version.status().equals("LIVE")
          && (newest == null || version.atMillis() >= newest.atMillis())) {
        newest = version;
      }
    }
    return newest;
  }

  /** What is stored under a key, or null. */
  <T> @Nullable T find(Class<T> type, Object key) {
    try {
      return store.read(type, key);
    } catch (NoSuchElementException e) {
      return null;
    } catch (Exception e) {
      throw unreadable(e);
    }
  }

  /** What a view shows. */
  <T> List<T> list(KVStoreView<T> view) {
    List<T> all = new ArrayList<>();
    try (KVStoreIterator<T> iterator = view.closeableIterator()) {
      iterator.forEachRemaining(all::add);
    } catch (Exception e) {
      throw unreadable(e);
    }
    return all;
  }

  private <T> KVStoreView<T> view(Class<T> type) {
    try {
      return store.view(type);
    } catch (Exception e) {
      throw unreadable(e);
    }
  }

  private static IllegalStateException unreadable(Exception cause) {
    return new IllegalStateException(
        "The application's UI store can't be read: " + cause.getMessage()
            + ". Reload the page; if that does not help, look at the disk of spark.ui.store.path or"
            + " spark.history.store.path.",
        cause);
  }
}
