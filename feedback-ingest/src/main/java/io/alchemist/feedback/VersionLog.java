package io.alchemist.feedback;

import io.alchemist.feedback.VersionRecord.Status;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** What became of each weight version, as the table {@code versions} has it. Thread-safe. */
public final class VersionLog {
  /** Rows of one moment are told apart by what can come after what. */
  private static final Comparator<VersionRecord> BY_TIME =
      Comparator.comparing(VersionRecord::at).thenComparing(VersionRecord::status);

  private final Tables tables;

  /** Over the table, which must exist. */
  public VersionLog(Tables tables) {
    this.tables = tables;
  }

  /** Appends events; nothing where {@code txn} was done before. */
  public void append(List<VersionRecord> events, Txn txn) {
    tables.append(Table.VERSIONS, events.stream().map(VersionRecord::toRow).toList(), txn);
  }

  /** The version that serves: of those whose state is LIVE, the one that became so last. */
  public Optional<VersionRecord> live() {
    return live(all());
  }

  /** Likewise, of these, which {@link #all} has answered. */
  public static Optional<VersionRecord> live(List<VersionRecord> versions) {
    return versions.stream().filter(v -> v.status() == Status.LIVE).max(BY_TIME);
  }

  /** The newest state of each version, by version. */
  public List<VersionRecord> all() {
    SortedMap<Long, VersionRecord> newest = new TreeMap<>();
    for (VersionRecord event : events()) {
      newest.put(event.version(), event);
    }
    return List.copyOf(newest.values());
  }

  /**
   * Checks that every version descends from versions that served.
   *
   * @return what is wrong, a sentence each; empty where all is well
   */
  public List<String> checkLineage() {
    return checkLineage(events());
  }

  static List<String> checkLineage(List<VersionRecord> events) {
    List<String> problems = new ArrayList<>();
    Set<Long> served = new HashSet<>();
    SortedMap<Long, VersionRecord> newest = new TreeMap<>();
    for (VersionRecord event : events) {
      VersionRecord before = newest.put(event.version(), event);
      if (before == null) {
        checkParent(event, served, problems);
      } else {
        checkChange(before, event, problems);
      }
      if (event.status() == Status.LIVE) {
        served.add(event.version());
      }
    }
    return problems;
  }

  private static void checkParent(VersionRecord event, Set<Long> served, List<String> problems) {
    Long parent = event.parent();
    if (parent == null) {
      return;
    }
    if (parent >= event.version()) {
      problems.add(
          "Version " + event.version() + " has the parent " + parent + ", which is not older.");
    } else if (!served.contains(parent)) {
      problems.add("Version " + event.version() + " was trained from version " + parent
          + ", which had not served.");
    }
  }

  private static void checkChange(
      VersionRecord before, VersionRecord event, List<String> problems) {
    if (!Objects.equals(before.parent(), event.parent())) {
      problems.add("Version " + event.version() + " has two parents, " + before.parent() + " and "
          + event.parent() + ".");
    }
    if (before.status() == Status.REJECTED || event.status() == Status.CANDIDATE) {
      problems.add("Version " + event.version() + " went from " + before.status() + " to "
          + event.status() + ".");
    }
  }

  /** All rows, oldest first. There is one or a few for each round, so they fit. */
  private List<VersionRecord> events() {
    return tables.read(Table.VERSIONS).collectAsList().stream()
        .map(VersionRecord::from)
        .sorted(BY_TIME)
        .toList();
  }
}
