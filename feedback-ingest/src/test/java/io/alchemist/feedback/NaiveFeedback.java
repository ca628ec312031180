package io.alchemist.feedback;

import io.alchemist.feedback.RoundRecord.Waiting;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * What should become of feedback, said as plainly as possible: everything in memory, one id after the other. Its rows have
 * distinct times of creation, so that it needs no hash to order them.
 */
final class NaiveFeedback {
  /** Outcomes of one batch; feedback ids, and reasons as {@code id=REASON}. */
  record Outcome(
      long received,
      long skipped,
      List<String> trainable,
      List<String> counted,
      List<String> quarantined,
      List<String> waiting) {
    static Outcome of(SortedBatch sorted) {
      return new Outcome(
          sorted.received(),
          sorted.skipped(),
          sorted(sorted.trainableIds()),
          sorted(sorted.counted()),
          sorted(
              sorted.quarantined().stream().map(q -> q.id() + "=" + q.reason()).toList()),
          sorted(sorted.waiting().stream().map(Waiting::id).toList()));
    }
  }

  private record Waiter(Row row, long sinceMillis) {}

  private final FeedbackRules rules;
  /** Who has dealt with an id; over the lives of several queries. */
  private final Map<String, String> doneBy = new HashMap<>();

  private Map<String, Waiter> waiting = new LinkedHashMap<>();

  NaiveFeedback(FeedbackRules rules) {
    this.rules = rules;
  }

  /** A new query knows of nothing that waits. */
  void forgetWaiting() {
    waiting = new LinkedHashMap<>();
  }

  /** Sorts a batch and keeps what became of it; {@code turns} says of each known turn whether its answer is empty. */
  Outcome sort(List<Row> batch, String query, long nowMillis, Map<String, Boolean> turns) {
    Map<String, String> before = Map.copyOf(doneBy);
    List<String> trainable = new ArrayList<>();
    List<String> counted = new ArrayList<>();
    List<String> quarantined = new ArrayList<>();
    long skipped = 0;

    // The rows of each id, the one that waits first.
    Map<String, List<Row>> byId = new TreeMap<>();
    waiting.forEach(
        (id, waiter) -> byId.computeIfAbsent(id, i -> new ArrayList<>()).add(waiter.row()));
    for (Row row :
        batch.stream().sorted(Comparator.comparing(r -> Rows.instant(r, 7))).toList()) {
      String id = row.getString(0);
      if (rules.usableId(id)) {
        byId.computeIfAbsent(id, i -> new ArrayList<>()).add(row);
      } else {
        quarantined.add("null=" + (id == null || id.isBlank() ? "MISSING_ID" : "TOO_LONG"));
      }
    }

    Map<String, Waiter> candidates = new LinkedHashMap<>();
    for (Map.Entry<String, List<Row>> entry : byId.entrySet()) {
      String id = entry.getKey();
      List<Row> rows = entry.getValue();
      String done = before.get(id);
      if (done != null && !done.equals(query)) {
        skipped += rows.size();
        continue;
      }
      int duplicates = done != null ? rows.size() : rows.size() - 1;
      for (int i = 0; i < duplicates; i++) {
        quarantined.add(id + "=DUPLICATE_ID");
      }
      if (done == null) {
        Row row = rows.get(0);
        String fault = fault(row);
        Boolean empty = fault == null ? turns.get(row.getString(1)) : null;
        if (fault != null) {
          quarantined.add(id + "=" + fault);
        } else if (empty == null) {
          Waiter waiter = waiting.get(id);
          candidates.put(id, waiter != null ? waiter : new Waiter(row, nowMillis));
          continue;
        } else if (row.getString(2).equals("correction")) {
          trainable.add(id);
        } else if (!row.getString(2).equals("thumb") || row.getDouble(3) < 0) {
          counted.add(id);
        } else if (empty) {
          quarantined.add(id + "=UNTRAINABLE");
        } else {
          trainable.add(id);
        }
        doneBy.put(id, query);
      }
    }

    Map<String, Waiter> old = waiting;
    waiting = new LinkedHashMap<>();
    candidates.entrySet().stream()
        .sorted(Comparator.comparing((Map.Entry<String, Waiter> e) -> !old.containsKey(e.getKey()))
            .thenComparing(e -> e.getValue().sinceMillis())
            .thenComparing(e -> Rows.instant(e.getValue().row(), 7)))
        .forEach(e -> {
          if (nowMillis - e.getValue().sinceMillis() >= rules.maxWaitMillis()) {
            quarantined.add(e.getKey() + "=UNKNOWN_TURN");
            doneBy.put(e.getKey(), query);
          } else if (waiting.size() == rules.maxWaiting()) {
            quarantined.add(e.getKey() + "=TOO_MANY_WAITING");
            doneBy.put(e.getKey(), query);
          } else {
            waiting.put(e.getKey(), e.getValue());
          }
        });
    return new Outcome(
        batch.size(),
        skipped,
        sorted(trainable),
        sorted(counted),
        sorted(quarantined),
        sorted(List.copyOf(waiting.keySet())));
  }

  private static @Nullable String fault(Row row) {
    String kind = row.getString(2);
    String text = row.getString(4);
    if (row.isNullAt(1)) {
      return "MISSING_TURN";
    }
    if (kind == null
        || !Set.of("thumb", "score", "correction", "preference", "text").contains(kind)) {
      return "UNKNOWN_KIND";
    }
    if (kind.equals("thumb")) {
      return row.isNullAt(3) || Math.abs(row.getDouble(3)) != 1 ? "BAD_SCORE" : null;
    }
    if (kind.equals("score")) {
      return row.isNullAt(3) || Double.isNaN(row.getDouble(3)) ? "BAD_SCORE" : null;
    }
    return text == null ? "MISSING_TEXT" : text.isBlank() ? "EMPTY_TEXT" : null;
  }

  private static List<String> sorted(List<String> values) {
    return values.stream().sorted().toList();
  }
}
