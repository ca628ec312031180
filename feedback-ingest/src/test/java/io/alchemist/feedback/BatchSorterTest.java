package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.BatchSorter.DoneBy;
import io.alchemist.feedback.FeedbackRules.Fault;
import io.alchemist.feedback.FeedbackRules.Kind;
import io.alchemist.feedback.NaiveFeedback.Outcome;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class BatchSorterTest {
  private static final FeedbackRules RULES = new FeedbackRules(8, 40, 1_000, 2);
  private static final Instant NOW = Samples.NOON;

  @Test
  void waitingEndsInTime() {
    BatchSorter sorter = new BatchSorter(RULES, Map.of(), Set.of(), NOW);
    sorter.sort(List.of(waits("a", 1_000), waits("b", 999), waits("c", 5_000)));

    assertThat(sorter.quarantined())
        .containsExactly(
            new Quarantined("c", Reason.UNKNOWN_TURN, unknown()),
            new Quarantined("a", Reason.UNKNOWN_TURN, unknown()));
    assertThat(sorter.waiting()).containsExactly(new Waiting("b", NOW.minusMillis(999), 0));
  }

  private static String unknown() {
    return "The turn t is not in the table turns, 1000 ms after the feedback was first read.";
  }

  @Test
  void whoWaitsKeepsItsPlaceAndTheEarliestGetTheRest() {
    BatchSorter sorter = new BatchSorter(RULES, Map.of(), Set.of(), NOW);
    sorter.sort(List.of(comes("late", 2), comes("early", 1), waits("old", 10)));

    assertThat(sorter.waiting()).extracting(Waiting::id).containsExactly("old", "early");
    assertThat(sorter.waiting())
        .extracting(Waiting::since)
        .containsExactly(NOW.minusMillis(10), NOW);
    assertThat(sorter.quarantined())
        .containsExactly(new Quarantined(
            "late",
            Reason.TOO_MANY_WAITING,
            "The turn t is not in the table turns, and 2 pieces of feedback wait already."));
  }

  @Test
  void whatAnotherQueryHasDealtWithIsSkippedThoughItWaits() {
    BatchSorter sorter =
        new BatchSorter(RULES, Map.of("old", DoneBy.ANOTHER_QUERY), Set.of("t"), NOW);
    sorter.sort(List.of(waits("old", 10), comes("old", 1), comes("new", 1)));

    assertThat(sorter.skipped()).isEqualTo(2);
    assertThat(sorter.trainable()).extracting(JudgedRow::id).containsExactly("new");
    assertThat(sorter.quarantined()).isEmpty();
  }

  private static JudgedRow waits(String id, long millis) {
    return new JudgedRow(
        id, "t", Kind.THUMB, 1.0, null, NOW, 0, NOW.minusMillis(millis), Row.empty(), true);
  }

  private static JudgedRow comes(String id, long createdMillis) {
    return new JudgedRow(
        id, "t", Kind.THUMB, 1.0, null, NOW.plusMillis(createdMillis), 0, null, Row.empty(), true);
  }

  @Property(tries = 200)
  void batchesAreSortedAsTheModelSays(@ForAll long seed) {
    RandomFeedback random = new RandomFeedback(seed);
    NaiveFeedback model = new NaiveFeedback(RandomFeedback.RULES);
    World world = new World();
    List<Row> all = new ArrayList<>();
    long now = NOW.toEpochMilli();
    for (int batch = 0; batch < 6; batch++) {
      random.moreTurns();
      List<Row> rows = random.moreFeedback(40);
      all.addAll(rows);
      now += 1_000;
      assertThat(world.sort(rows, "first", now, random.turns))
          .isEqualTo(model.sort(rows, "first", now, random.turns));
    }
    world.waiting.clear();
    model.forgetWaiting();
    assertThat(world.sort(all, "second", now, random.turns))
        .isEqualTo(model.sort(all, "second", now, random.turns));
  }

  /** What the tables would hold. */
  private static final class World {
    private final Map<String, String> doneBy = new HashMap<>();
    private final List<JudgedRow> waiting = new ArrayList<>();

    Outcome sort(List<Row> batch, String query, long now, Map<String, Boolean> turns) {
      Map<String, DoneBy> done = new HashMap<>();
      doneBy.forEach(
          (id, by) -> done.put(id, by.equals(query) ? DoneBy.THIS_QUERY : DoneBy.ANOTHER_QUERY));
      List<JudgedRow> rows = new ArrayList<>(waiting);
      batch.forEach(row -> rows.add(judged(row, null)));
      BatchSorter sorter =
          new BatchSorter(RandomFeedback.RULES, done, turns.keySet(), Instant.ofEpochMilli(now));
      sorter.sort(rows);

      List<String> trainable = new ArrayList<>();
      List<String> quarantined = new ArrayList<>();
      sorter.quarantined().forEach(q -> quarantined.add(q.id() + "=" + q.reason()));
      for (JudgedRow row : sorter.trainable()) {
        boolean empty = turns.getOrDefault(row.turnId(), false);
        if (row.kind() == Kind.THUMB && empty) {
          quarantined.add(row.id() + "=UNTRAINABLE");
        } else {
          trainable.add(String.valueOf(row.id()));
        }
        doneBy.put(String.valueOf(row.id()), query);
      }
      sorter.counted().forEach(id -> doneBy.put(id, query));
      for (Quarantined item : sorter.quarantined()) {
        if (item.id() != null && item.reason() != Reason.DUPLICATE_ID) {
          doneBy.put(item.id(), query);
        }
      }
      Map<String, JudgedRow> byId = new TreeMap<>();
      rows.stream()
          .filter(row -> row.id() != null)
          .sorted(JudgedRow.ORDER.reversed())
          .forEach(row -> byId.put(String.valueOf(row.id()), row));
      waiting.clear();
      for (Waiting waiter : sorter.waiting()) {
        JudgedRow row = byId.get(waiter.id());
        assertThat(row).isNotNull();
        waiting.add(row.waiting(waiter.since()));
      }
      return new Outcome(
          batch.size(),
          sorter.skipped(),
          trainable.stream().sorted().toList(),
          sorter.counted().stream().sorted().toList(),
          quarantined.stream().sorted().toList(),
          sorter.waiting().stream().map(Waiting::id).sorted().toList());
    }

    private static JudgedRow judged(Row row, @Nullable Instant since) {
      FeedbackRules rules = RandomFeedback.RULES;
      String id = row.getString(0);
      Double score = row.isNullAt(3) ? null : (Double) row.getDouble(3);
      Fault fault = rules.judge(
          id, row.getString(1), row.getString(2), score, row.getString(4), null, "somebody");
      return new JudgedRow(
          rules.usableId(id) ? id : null,
          fault == null ? row.getString(1) : null,
          fault == null ? Kind.named(row.getString(2)) : null,
          score,
          fault,
          Rows.instant(row, 7),
          row.hashCode(),
          since,
          row,
          true);
    }
  }
}
