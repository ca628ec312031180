package io.alchemist.spark.ui;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.status.ElementTrackingStore;
import org.apache.spark.util.kvstore.InMemoryStore;
import org.junit.jupiter.api.Test;

class AlchemistListenerTest {
  private final ElementTrackingStore store =
      new ElementTrackingStore(new InMemoryStore(), new SparkConf(false));
  private final AlchemistListener listener = new AlchemistListener(store, true);
  private final AlchemistStore kept = new AlchemistStore(store);

  @Test
  void keepsTheLatestRoundsAndTheSumOfAll() {
    for (long round = 1; round <= AlchemistListener.MAX_ROUNDS + 50; round++) {
      listener.onOtherEvent(Events.round(round, "PASSED", round, 3.0 - round / 1000.0));
    }

    Snapshot now = kept.snapshot(true, 0);
    assertThat(now.rounds()).hasSize(AlchemistListener.MAX_ROUNDS);
    assertThat(now.rounds().get(0).round()).isEqualTo(AlchemistListener.MAX_ROUNDS + 50);
    assertThat(now.totals().rounds()).isEqualTo(AlchemistListener.MAX_ROUNDS + 50);
    assertThat(now.totals().examples()).isEqualTo(10L * (AlchemistListener.MAX_ROUNDS + 50));
    assertThat(now.totals().firstLoss()).isEqualTo(2.999);
    assertThat(now.totals().lastLoss()).isEqualTo(1.95);
  }

  @Test
  void auditsAreCountedAndTheWorstIsRemembered() {
    assertThat(kept.snapshot(true, 0).audits()).isEqualTo(Audits.NONE);
    listener.onOtherEvent(new AuditEvent(3, 900, 800, 0.2, 0.5, 4e-7, 1, 10));
    listener.onOtherEvent(new AuditEvent(8, 700, 600, 0.2, 0.5, 2e-7, 1, 20));

    Audits audits = kept.snapshot(true, 0).audits();
    assertThat(audits.count()).isEqualTo(2);
    assertThat(audits.worstError()).isEqualTo(4e-7);
    assertThat(audits.latest()).extracting(AuditEvent::round).isEqualTo(8L);
  }

  @Test
  void aRoundPostedAgainCountsOnce() {
    listener.onOtherEvent(Events.round(1, "REJECTED", null, 2.0));
    listener.onOtherEvent(Events.round(2, "REJECTED", null, 2.0));
    listener.onOtherEvent(Events.round(2, "PASSED", 2L, 1.9));

    Snapshot now = kept.snapshot(true, 0);
    assertThat(now.rounds()).extracting(RoundEvent::gate).containsExactly("PASSED", "REJECTED");
    assertThat(now.totals().rounds()).isEqualTo(2);
    assertThat(now.totals().rejected()).isEqualTo(1);
    assertThat(now.totals().reusedTokens()).isEqualTo(600);
    assertThat(now.totals().quarantined()).isEqualTo(6);
  }

  @Test
  void keepsTheLatestVersionsAndTheLiveOneHoweverOld() {
    listener.onOtherEvent(Events.version(1, "LIVE", 10));
    for (long version = 2; version <= AlchemistListener.MAX_VERSIONS + 20; version++) {
      listener.onOtherEvent(Events.version(version, "REJECTED", version * 10));
    }

    Snapshot now = kept.snapshot(true, 0);
    assertThat(now.versions()).hasSize(AlchemistListener.MAX_VERSIONS);
    assertThat(now.liveNumber()).isEqualTo(1);
    assertThat(now.versions())
        .extracting(VersionEvent::version)
        .contains(1L, 22L)
        .doesNotContain(2L);
  }

  @Test
  void aRollBackMakesTheVersionBeforeLiveAgain() {
    listener.onOtherEvent(Events.version(1, "LIVE", 10));
    listener.onOtherEvent(Events.version(2, "LIVE", 20));
    assertThat(kept.snapshot(true, 0).liveNumber()).isEqualTo(2);

    listener.onOtherEvent(Events.version(2, "ROLLED_BACK", 30));
    assertThat(kept.snapshot(true, 0).liveNumber()).isEqualTo(1);
  }

  @Test
  void anExecutorsSeriesIsOnePointPerSpacingAndAnHourLong() {
    long spacing = ExecutorHistory.SPACING_MILLIS;
    long last = 2 * ExecutorHistory.MAX_SAMPLES;
    for (long i = 0; i <= last; i++) {
      long millis = 1_000_000 + i * spacing;
      listener.onOtherEvent(fleet(millis, Events.executor("1", "READY", "", i * 240)));
      listener.onOtherEvent(
          fleet(millis + spacing / 2, Events.executor("1", "READY", "", i * 240 + 120)));
    }

    StoredExecutor executor = kept.snapshot(true, 0).executors().get(0);
    assertThat(executor.samples()).hasSize(ExecutorHistory.MAX_SAMPLES);
    assertThat(executor.samples().get(299).timeMillis()).isEqualTo(1_000_000 + last * spacing);
    assertThat(executor.samples().get(299).tokensPerSecond()).isEqualTo(20, within(1e-9));
    assertThat(executor.view().completionTokens()).isEqualTo(last * 240 + 120);
  }

  @Test
  void aCounterThatFellGivesNoRate() {
    listener.onOtherEvent(fleet(0, Events.executor("1", "READY", "", 5_000)));
    listener.onOtherEvent(
        fleet(ExecutorHistory.SPACING_MILLIS, Events.executor("1", "READY", "", 10)));

    StoredExecutor executor = kept.snapshot(true, 0).executors().get(0);
    assertThat(executor.samples().get(1).tokensPerSecond()).isNaN();
  }

  @Test
  void keepsBoundedExecutorsThoseHeardOfLast() {
    List<ExecutorView> gone = new ArrayList<>();
    for (int i = 0; i < AlchemistListener.MAX_EXECUTORS; i++) {
      gone.add(Events.executor("gone-" + i, "LOST", "", 0));
    }
    listener.onOtherEvent(new FleetEvent(10, gone));
    listener.onOtherEvent(fleet(20, Events.executor("new", "READY", "", 0)));

    Snapshot now = kept.snapshot(true, 20);
    assertThat(now.executors()).hasSize(AlchemistListener.MAX_EXECUTORS);
    assertThat(now.executors())
        .extracting(StoredExecutor::id)
        .contains("new", "gone-1")
        .doesNotContain("gone-0");
  }

  @Test
  void anExecutorReportedNoMoreIsMissing() {
    listener.onOtherEvent(new FleetEvent(
        10, List.of(Events.executor("1", "READY", "", 0), Events.executor("2", "READY", "", 0))));
    listener.onOtherEvent(fleet(20, Events.executor("1", "READY", "", 0)));

    Snapshot now = kept.snapshot(true, 20);
    assertThat(now.executors()).extracting(now::state).containsExactly("READY", "MISSING");
    assertThat(now.ready()).extracting(ExecutorView::executorId).containsExactly("1");
  }

  @Test
  void aLogIsWrittenOnceItIsRead() {
    ElementTrackingStore replayed =
        new ElementTrackingStore(new InMemoryStore(), new SparkConf(false));
    AlchemistListener replay = new AlchemistListener(replayed, false);
    replay.onOtherEvent(fleet(10, Events.executor("1", "READY", "", 0)));
    replay.onOtherEvent(Events.round(1, "PASSED", 1L, 2.0));
    assertThat(new AlchemistStore(replayed).snapshot(false, 0).executors()).isEmpty();

    replayed.close(false);

    Snapshot end = new AlchemistStore(replayed).snapshot(false, 99);
    assertThat(end.executors()).extracting(StoredExecutor::id).containsExactly("1");
    assertThat(end.totals().rounds()).isEqualTo(1);
    assertThat(end.nowMillis()).isEqualTo(1_800_000_001_000L);
  }

  @Test
  void sparksOwnEventsChangeNothing() {
    listener.onOtherEvent(new SparkListenerJobEnd(1, 2, null));

    assertThat(kept.isEmpty()).isTrue();
  }

  private static FleetEvent fleet(long millis, ExecutorView executor) {
    return new FleetEvent(millis, List.of(executor));
  }
}
