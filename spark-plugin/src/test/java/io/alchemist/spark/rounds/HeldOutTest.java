package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.TestSpark;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldOutTest {
  private static final int CONVERSATIONS = 20_000;

  private final Dataset<Row> conversations = TestSpark.session()
      .createDataset(
          IntStream.range(0, CONVERSATIONS).mapToObj(i -> "conversation-" + i).toList(),
          Encoders.STRING())
      .toDF("conversation_id");

  private Set<String> heldOut(double fraction) {
    Set<String> ids = new HashSet<>();
    conversations
        .where(new HeldOut(fraction).condition())
        .collectAsList()
        .forEach(row -> ids.add(row.getString(0)));
    return ids;
  }

  @Test
  void holdsOutAboutItsShare() {
    assertThat(heldOut(0)).isEmpty();
    assertThat(heldOut(0.1).size()).isBetween(1_850, 2_150);
    assertThat(heldOut(0.5).size()).isBetween(9_700, 10_300);
    assertThat(new HeldOut(0).isNone()).isTrue();
    assertThat(new HeldOut(0.1).isNone()).isFalse();
  }

  @Test
  void aConversationStaysWhereItIs() {
    Set<String> few = heldOut(0.05);
    assertThat(heldOut(0.05)).isEqualTo(few);
    assertThat(heldOut(0.2)).as("also with a larger share").containsAll(few);
    // Other processes, and later versions of Spark, must find the same.
    assertThat(few).contains("conversation-5181").doesNotContain("conversation-9");
  }

  @Test
  void findsWhatEarlierRoundsHeldOut(@TempDir Path warehouse) {
    Tables tables = TestSpark.tables(warehouse);
    RoundLog rounds = new RoundLog(tables);
    assertThat(HeldOut.earlier(tables, rounds, 10)).isEmpty();

    tables.append(
        Table.TURNS,
        IntStream.range(0, 4).mapToObj(HeldOutTest::turn).toList(),
        new Txn("turns", 0));
    tables.append(
        Table.FEEDBACK,
        List.of(
            feedback("f0", 0, "thumb", null, 40),
            feedback("f1", 1, "correction", "right", 30),
            feedback("f1", 1, "correction", "right", 30), // sent twice
            feedback("f2", 2, "thumb", null, 20),
            feedback("f3", 3, "thumb", null, 10)),
        new Txn("feedback", 0));
    rounds.append(RoundRecords.round("q", 0, 1, null, List.of("f3")));
    rounds.append(RoundRecords.round("q", 1, 2, null, List.of("f1", "f0")));

    assertThat(HeldOut.earlier(tables, rounds, 10))
        .extracting(HeldOut::example)
        .usingRecursiveFieldByFieldElementComparator()
        .as("oldest feedback first")
        .containsExactly(
            new GateExample(null, new int[] {3, 3}, null, new int[] {30}),
            new GateExample(null, new int[] {1, 1}, "right", null),
            new GateExample(null, new int[] {0, 0}, null, new int[] {0}));
    assertThat(HeldOut.earlier(tables, rounds, 2)).hasSize(2);
  }

  private static Row turn(int i) {
    return RowFactory.create(
        "t" + i,
        "c" + i,
        null,
        "1",
        1L,
        new int[] {i, i},
        new int[] {10 * i},
        new float[] {-1},
        null,
        "answer",
        0,
        "stop",
        new Timestamp(1_000));
  }

  private static Row feedback(String id, int turn, String kind, @Nullable String text, long at) {
    return RowFactory.create(
        id, "t" + turn, kind, text == null ? 1.0 : null, text, null, null, new Timestamp(at));
  }
}
