package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.spark.rounds.Audit;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.RoundTimes;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Feedback that came before its turn, and whose job ended before the turn was there. */
class WaitingFeedbackJobTest {
  private static final Map<String, Object> SETTINGS = Map.of(
      "spark.alchemist.turns.interval", "200ms",
      "spark.alchemist.round.interval", "200ms",
      "spark.alchemist.train.stepsPerRound", 1);

  private final List<RoundRecord> rounds = new CopyOnWriteArrayList<>();
  private final RoundObserver observer = new RoundObserver() {
    @Override
    public void reached(Step step, String queryId, long batchId) {}

    @Override
    public void ended(RoundRecord round, RoundTimes times) {
      rounds.add(round);
    }

    @Override
    public void audited(Audit audit) {}
  };

  @Test
  void isTrainedByTheNextJobThoughNothingNewComes(@TempDir Path directory) throws Exception {
    try (SparkSession spark = JobSession.start(directory, SETTINGS)) {
      Tables tables;
      try (ContinualLearning job = ContinualLearning.start(spark, observer)) {
        tables = job.tables();
        tables.append(
            Table.FEEDBACK,
            List.of(RowFactory.create("early", "late", "thumb", 1.0, null, null, null, null)),
            new Txn("test-feedback", 1));
        await(() -> rounds.stream().anyMatch(round -> !round.waiting().isEmpty()));
      }
      // As the job commits what its executors still had when it ended.
      tables.append(Table.TURNS, List.of(turn()), new Txn("test-turn", 1));
    }
    rounds.clear();
    try (SparkSession spark = JobSession.start(directory, SETTINGS);
        ContinualLearning job = ContinualLearning.start(spark, observer)) {
      // The last round of the job before may be told of again, if Spark had not noted its end.
      await(() -> rounds.stream().anyMatch(round -> !round.trained().isEmpty()));
      assertThat(job.isClosed()).isFalse();
      assertThat(rounds.stream().flatMap(round -> round.trained().stream()))
          .containsExactly("early");
    }
  }

  private static Row turn() {
    return RowFactory.create(
        "late",
        "conversation",
        null,
        "driver",
        1L,
        new int[] {5, 6, 7},
        new int[] {8, 9},
        new float[] {-1, -1},
        null,
        "yes",
        0,
        "stop",
        new Timestamp(System.currentTimeMillis()));
  }

  private static void await(Callable<Boolean> condition) {
    Awaitility.await().atMost(Duration.ofMinutes(2)).until(condition);
  }
}
