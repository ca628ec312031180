package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.BatchSorter.DoneBy;
import io.alchemist.feedback.RoundRecord.Quarantined;
import io.alchemist.feedback.RoundRecord.Waiting;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundLogTest {
  private static final RoundRecord FIRST = Samples.round(
      "q",
      0,
      1,
      7,
      List.of("a", "b"),
      List.of("c"),
      List.of(
          new Quarantined(null, Reason.MISSING_ID, "None."),
          new Quarantined("d", Reason.BAD_SCORE, "Bad."),
          new Quarantined("w", Reason.DUPLICATE_ID, "Twice.")),
      List.of(new Waiting("w", Samples.NOON, 42)));
  private static final RoundRecord SECOND =
      Samples.round("q", 1, 2, 0, List.of(), List.of("w"), List.of(), List.of());
  private static final RoundRecord OTHER =
      Samples.round("other", 5, 3, 1, List.of("e"), List.of(), List.of(), List.of());

  @Test
  void roundsAreReadAsTheyWereWritten(@TempDir Path directory) {
    Tables tables = TestSpark.tables(directory);
    RoundLog log = new RoundLog(tables);
    assertThat(log.find("q", 0)).isEmpty();
    assertThat(log.last("q")).isEmpty();
    assertThat(log.nextRound()).isEqualTo(1);
    log.append(FIRST);
    assertThat(log.nextRound()).isEqualTo(2);
    log.append(SECOND);
    log.append(OTHER);

    // One that remembers, and one that must read.
    for (RoundLog reader : List.of(log, new RoundLog(tables))) {
      assertThat(reader.find("q", 0)).contains(FIRST);
      assertThat(reader.find("q", 2)).isEmpty();
      assertThat(reader.find("other", 0)).isEmpty();
      assertThat(reader.last("q")).contains(SECOND);
      assertThat(reader.lastBefore("q", 1)).contains(FIRST);
      assertThat(reader.lastBefore("q", 0)).isEmpty();
      assertThat(reader.nextRound()).isEqualTo(4);
    }
    assertThat(log.totals()).isEqualTo(new RoundTotals(2, 8, 3, 2, 3, 60, 90, 30));
    Set<String> ids = Set.of("a", "b", "c", "d", "e", "w", "new");
    assertThat(log.done(ids, "q", 1))
        .isEqualTo(Map.of(
            "a", DoneBy.THIS_QUERY,
            "b", DoneBy.THIS_QUERY,
            "c", DoneBy.THIS_QUERY,
            "d", DoneBy.THIS_QUERY,
            "e", DoneBy.ANOTHER_QUERY));
    assertThat(log.done(Set.of("a", "w", "e"), "fresh", 0))
        .containsOnlyKeys("a", "w", "e")
        .doesNotContainValue(DoneBy.THIS_QUERY);

    // A batch is decided once.
    new RoundLog(tables)
        .append(Samples.round("q", 1, 9, 9, List.of("x"), List.of(), List.of(), List.of()));
    assertThat(tables.read(Table.ROUNDS).count()).isEqualTo(3);
    assertThat(new RoundLog(tables).find("q", 1)).contains(SECOND);
  }
}
