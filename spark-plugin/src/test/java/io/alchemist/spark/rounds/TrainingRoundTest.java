package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.feedback.FeedbackJoin;
import io.alchemist.feedback.FeedbackRules;
import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.TurnLog;
import io.alchemist.feedback.VersionLog;
import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.rounds.RoundObserver.Step;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Batches in which nothing can be trained: how a round is decided, and once only. */
class TrainingRoundTest {
  private final Path warehouse;
  private final Tables tables;
  private final RoundLog log;
  private final AdapterOptimizer optimizer =
      new AdapterOptimizer(SmallModel.CONFIG, SmallModel.TRAINABLE, SmallModel.OPTIMIZER);
  private final List<Step> steps = new ArrayList<>();
  private final List<RoundRecord> ended = new ArrayList<>();
  private @Nullable Step failing;

  TrainingRoundTest(@TempDir Path warehouse) {
    this.warehouse = warehouse;
    this.tables = TestSpark.tables(warehouse);
    this.log = new RoundLog(tables);
  }

  @AfterEach
  void close() {
    optimizer.close();
  }

  /** As of a process that has just started. */
  private Rounds rounds() {
    SparkConf conf = new SparkConf(false)
        .set("spark.alchemist.model", "small")
        .set("spark.alchemist.warehouse", warehouse.toString());
    Rounds rounds = new Rounds(
        TestSpark.session(),
        conf,
        tables,
        log,
        new VersionLog(tables),
        new FeedbackJoin(tables, log, new TurnLog(tables), FeedbackRules.DEFAULTS),
        new Fleet(),
        SmallModel.CONFIG,
        optimizer,
        new RoundObserver() {
          @Override
          public void reached(Step step, String queryId, long batchId) {
            steps.add(step);
            if (step == failing) {
              throw new IllegalStateException("failed at " + step);
            }
          }

          @Override
          public void ended(RoundRecord round, RoundTimes times) {
            ended.add(round);
          }
        });
    rounds.open();
    return rounds;
  }

  /** Feedback without a turn, which goes to quarantine. */
  private static Dataset<Row> batch(String... ids) {
    return TestSpark.session()
        .createDataFrame(
            Stream.of(ids)
                .map(id -> RowFactory.create(
                    id, null, "thumb", 1.0, null, null, null, new Timestamp(1_000)))
                .toList(),
            Table.FEEDBACK.schema());
  }

  private long quarantined() {
    return tables.read(Table.QUARANTINE).count();
  }

  @Test
  void aBatchThatFailedAfterItWasDecidedIsNotDecidedAgain() {
    Rounds rounds = rounds();
    failing = Step.QUARANTINED;
    assertThatThrownBy(() -> rounds.handler().handle(batch("f1", "f2"), "q", 0))
        .hasMessage("failed at QUARANTINED");
    assertThat(steps).containsExactly(Step.BEGUN, Step.SORTED, Step.DECIDED, Step.QUARANTINED);
    assertThat(ended).isEmpty();

    failing = null;
    steps.clear();
    rounds.handler().handle(batch("f1", "f2"), "q", 0); // the stream comes again, in this process
    assertThat(steps).containsExactly(Step.BEGUN, Step.QUARANTINED, Step.RECORDED, Step.PUBLISHED);
    assertThat(ended).extracting(RoundRecord::round).containsExactly(1L);
    assertThat(quarantined()).isEqualTo(2);

    steps.clear();
    rounds.handler().handle(batch("f1", "f2"), "q", 0); // its checkpoint was not written
    assertThat(steps).doesNotContain(Step.SORTED);
    assertThat(quarantined()).isEqualTo(2);

    rounds.handler().handle(batch("f3"), "q", 1);
    assertThat(ended).extracting(RoundRecord::round).containsExactly(1L, 1L, 2L);
    assertThat(log.totals().quarantined()).isEqualTo(3);
  }

  @Test
  void theNextProcessMakesTrueWhatWasDecided() {
    failing = Step.DECIDED;
    assertThatThrownBy(() -> rounds().handler().handle(batch("f1"), "q", 0))
        .hasMessage("failed at DECIDED");
    assertThat(quarantined()).isZero();

    failing = null;
    steps.clear();
    Rounds next = rounds();
    next.handler().handle(batch("f1"), "q", 0);
    assertThat(steps).containsExactly(Step.BEGUN, Step.QUARANTINED, Step.RECORDED, Step.PUBLISHED);
    assertThat(quarantined()).isEqualTo(1);
    assertThat(next.liveVersion()).isEqualTo(1);
  }

  @Test
  void aBatchWithoutRowsLeavesNoRound() {
    Rounds rounds = rounds();
    rounds.handler().handle(batch(), "q", 0);
    assertThat(log.newest()).isEmpty();
    assertThat(rounds.isWaiting()).isFalse();
    assertThat(ended).isEmpty();
  }
}
