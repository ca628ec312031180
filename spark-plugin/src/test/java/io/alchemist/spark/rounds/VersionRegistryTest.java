package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.engine.HostGradient;
import io.alchemist.feedback.RoundRecord;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.feedback.VersionLog;
import io.alchemist.feedback.VersionRecord;
import io.alchemist.feedback.VersionRecord.Status;
import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Message;
import io.alchemist.spark.fleet.Message.Publish;
import io.alchemist.weights.AdapterData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VersionRegistryTest {
  private final Path warehouse;
  private final VersionLog log;
  private final AdapterStore store;
  private final Fleet fleet = new Fleet();
  /** Versions that were sent to the one executor, in order. */
  private final List<Publish> published = new ArrayList<>();

  private final List<Long> told = new ArrayList<>();
  private final List<AdapterOptimizer> optimizers = new ArrayList<>();

  VersionRegistryTest(@TempDir Path warehouse) {
    this.warehouse = warehouse;
    Tables tables = TestSpark.tables(warehouse);
    this.log = new VersionLog(tables);
    this.store =
        new AdapterStore(new Configuration(false), warehouse.toString(), SmallModel.CONFIG, "base");
    fleet.ready(new Message.Ready("1", "node", 1, "CPU", "small"), (message, limit) -> {
      if (message instanceof Publish publish) {
        published.add(publish);
      }
      return CompletableFuture.completedFuture(new Message.Done());
    });
  }

  @AfterEach
  void close() {
    optimizers.forEach(AdapterOptimizer::close);
  }

  /** As of a process that has just started. */
  private VersionRegistry registry() {
    AdapterOptimizer optimizer =
        new AdapterOptimizer(SmallModel.CONFIG, SmallModel.TRAINABLE, SmallModel.OPTIMIZER);
    optimizers.add(optimizer);
    return new VersionRegistry(
        new JavaSparkContext(TestSpark.session().sparkContext()),
        log,
        fleet,
        store,
        optimizer,
        version -> told.add(version.version()));
  }

  private VersionRegistry opened(@Nullable RoundRecord last) {
    VersionRegistry registry = registry();
    registry.open(last);
    return registry;
  }

  /** Trains and writes a candidate as a round does; its adapter. */
  private static AdapterData train(VersionRegistry registry, long seed) {
    registry.begin();
    registry.step(new HostGradient(
        GradientPartTest.matrices(new Random(seed)), GradientPartTest.report(1, 1)));
    registry.write(registry.nextVersion());
    return registry.candidate();
  }

  private List<String> versions() {
    return log.all().stream().map(v -> v.version() + " " + v.status()).toList();
  }

  private AdapterData servedAdapter() {
    return published.get(published.size() - 1).adapter().value().value();
  }

  @Test
  void beginsWithTheVersionThatEnginesBeginWith() {
    VersionRegistry registry = opened(null);
    assertThat(versions()).containsExactly("1 LIVE");
    assertThat(registry.liveVersion()).isEqualTo(1);
    assertThat(registry.liveAdapter())
        .as("what engines begin with")
        .usingRecursiveComparison()
        .isEqualTo(optimizers.get(0).adapter());
    assertThat(registry.nextVersion()).isEqualTo(2);
    assertThat(fleet.ready()).hasSize(1);
    assertThat(published).isEmpty();
    assertThat(told).containsExactly(1L);

    assertThat(opened(null).nextVersion()).as("a second start").isEqualTo(2);
    assertThat(versions()).containsExactly("1 LIVE");
  }

  @Test
  void followsARoundThatMadeAVersionAndDoesSoOnce() {
    VersionRegistry registry = opened(null);
    AdapterData trained = train(registry, 1);
    List<String> steps = new ArrayList<>();
    registry.follow(RoundRecords.live(0, 2), () -> steps.add(versions() + " " + published.size()));

    assertThat(steps).as("recorded before it is served").containsExactly("[1 LIVE, 2 LIVE] 0");
    assertThat(registry.liveVersion()).isEqualTo(2);
    assertThat(registry.nextVersion()).isEqualTo(3);
    assertThat(registry.liveAdapter()).usingRecursiveComparison().isEqualTo(trained);
    assertThat(published).extracting(Publish::version).containsExactly(2L);
    assertThat(servedAdapter()).usingRecursiveComparison().isEqualTo(trained);
    VersionRecord row = log.all().get(1);
    assertThat(row.parent()).isEqualTo(1);
    assertThat(row.path()).isEqualTo(store.path(2));
    assertThat(row.queryId()).isEqualTo("q");

    registry.follow(RoundRecords.live(0, 2), () -> {}); // a second time
    assertThat(versions()).containsExactly("1 LIVE", "2 LIVE");
    assertThat(registry.nextVersion()).isEqualTo(3);
    assertThat(registry.liveAdapter()).usingRecursiveComparison().isEqualTo(trained);
    assertThat(published).hasSize(1);
  }

  @Test
  void aRejectedVersionIsRecordedAndNotServed() {
    VersionRegistry registry = opened(null);
    train(registry, 1);
    registry.follow(RoundRecords.rejected(0, 2), () -> {});
    assertThat(versions()).containsExactly("1 LIVE", "2 REJECTED");
    assertThat(registry.liveVersion()).isEqualTo(1);
    assertThat(registry.nextVersion()).as("its number is used up").isEqualTo(3);
    registry.follow(RoundRecords.round("q", 1, 2, null, List.of()), () -> {}); // trained nothing
    assertThat(versions()).hasSize(2);
    assertThat(registry.nextVersion()).isEqualTo(3);
    assertThat(published).isEmpty();
    assertThat(opened(RoundRecords.rejected(0, 2)).nextVersion()).isEqualTo(3);
  }

  @Test
  void theNextProcessGoesOnWithAdapterAndOptimizer() {
    VersionRegistry first = opened(null);
    train(first, 1);
    first.follow(RoundRecords.live(0, 2), () -> {});
    AdapterData second = train(first, 2);

    VersionRegistry next = opened(RoundRecords.live(0, 2));
    assertThat(next.liveVersion()).isEqualTo(2);
    assertThat(fleet.members().get(0).report().version()).isEqualTo(2);
    assertThat(train(next, 2))
        .as("the same step from the same state")
        .usingRecursiveComparison()
        .isEqualTo(second);
  }

  @Test
  void aVersionThatDidNotGetIntoItsTableIsRepaired() {
    VersionRegistry first = opened(null);
    AdapterData trained = train(first, 1);
    // The process dies after the round was decided: the row is missing.
    VersionRegistry next = opened(RoundRecords.live(0, 2));
    assertThat(versions()).containsExactly("1 LIVE", "2 LIVE");
    assertThat(next.liveVersion()).isEqualTo(2);
    assertThat(servedAdapter()).usingRecursiveComparison().isEqualTo(trained);

    next.follow(RoundRecords.live(0, 2), () -> {}); // the batch comes again
    assertThat(versions()).containsExactly("1 LIVE", "2 LIVE");
    assertThat(next.nextVersion()).isEqualTo(3);
  }

  @Test
  void whatARoundLeftThatFailedIsForgotten() {
    VersionRegistry registry = registry();
    AdapterData lost = train(registry, 1);
    AdapterData again = train(registry, 1);
    assertThat(again)
        .as("begins at the live version")
        .usingRecursiveComparison()
        .isEqualTo(lost);
    assertThat(registry.nextVersion()).isEqualTo(2);
  }

  @Test
  void redoingARoundDoesNotUndoARollback() {
    VersionRegistry first = opened(null);
    train(first, 1);
    first.follow(RoundRecords.live(0, 2), () -> {});
    train(first, 2);
    first.follow(RoundRecords.live(1, 3), () -> {});
    VersionRecord two = log.all().get(1);
    log.append(
        List.of(withdrawn(log.all().get(2), Status.ROLLED_BACK), withdrawn(two, Status.LIVE)),
        new Txn("by hand", 0));

    VersionRegistry next = opened(RoundRecords.live(1, 3));
    assertThat(next.liveVersion()).isEqualTo(2);
    next.follow(RoundRecords.live(1, 3), () -> {});
    assertThat(next.liveVersion()).isEqualTo(2);
    assertThat(next.nextVersion()).isEqualTo(4);
  }

  private static VersionRecord withdrawn(VersionRecord of, Status status) {
    return new VersionRecord(
        of.version(),
        of.parent(),
        status,
        of.path(),
        of.queryId(),
        of.batchId(),
        of.examples(),
        of.loss(),
        of.gateLoss(),
        Instant.now().plus(2, ChronoUnit.DAYS));
  }

  @Test
  void aVersionThatCannotBeReadIsLoadedAtTheNextAttempt() throws Exception {
    VersionRegistry registry = opened(null);
    AdapterData trained = train(registry, 1);
    Path adapter = warehouse.resolve("adapters/v2");
    Files.move(adapter, warehouse.resolve("away"));
    assertThatThrownBy(() -> registry.follow(RoundRecords.live(0, 2), () -> {}))
        .isInstanceOf(RuntimeException.class);
    assertThat(registry.liveVersion()).isEqualTo(1);

    Files.move(warehouse.resolve("away"), adapter);
    registry.follow(RoundRecords.live(0, 2), () -> {});
    assertThat(registry.liveVersion()).isEqualTo(2);
    assertThat(registry.liveAdapter()).usingRecursiveComparison().isEqualTo(trained);
  }

  @Test
  void withoutALiveVersionThereIsNothingToServe() {
    log.append(
        List.of(new VersionRecord(
            1, null, Status.ROLLED_BACK, null, null, null, 0, null, null, Instant.now())),
        new Txn("by hand", 0));
    assertThatThrownBy(() -> registry().open(null))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("No version in the table versions is LIVE. Append a row that makes one live.");
  }
}
