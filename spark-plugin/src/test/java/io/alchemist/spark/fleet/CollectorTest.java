package io.alchemist.spark.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.feedback.Table;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.Txn;
import io.alchemist.serve.Feedback;
import io.alchemist.spark.TestSpark;
import io.alchemist.spark.Undeclared;
import io.alchemist.spark.executor.Outbox;
import io.alchemist.spark.fleet.Member.State;
import io.alchemist.spark.fleet.Message.Collect;
import io.alchemist.spark.fleet.Message.Committed;
import io.alchemist.spark.fleet.Message.Parcel;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Row;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CollectorTest {
  private static final long NEVER_AGAIN_MILLIS = 3_600_000;
  private static final Duration LONG = Duration.ofSeconds(30);

  private final Fleet fleet = new Fleet();
  private final FakeLedger ledger = new FakeLedger();
  private final List<Collector> collectors = new ArrayList<>();

  /** Tables that know what an idempotent append is, and can be made to fail. */
  private static final class FakeLedger implements Collector.Ledger {
    final List<String> ids = Collections.synchronizedList(new ArrayList<>());
    final List<Txn> tried = Collections.synchronizedList(new ArrayList<>());
    private final Map<String, Long> done = new HashMap<>();
    volatile @Nullable Table failing;

    @Override
    public synchronized void append(Table table, List<Row> rows, Txn txn) {
      if (rows.isEmpty()) {
        return;
      }
      tried.add(txn);
      if (table == failing) {
        Undeclared.raise(new SparkException("Job aborted due to stage failure"));
      }
      if (done.getOrDefault(table + txn.appId(), -1L) < txn.version()) {
        done.put(table + txn.appId(), txn.version());
        rows.forEach(row -> ids.add(row.getString(0)));
      }
    }
  }

  /** An executor that answers as a real one does. */
  private static final class FakeExecutor implements Link {
    final Outbox outbox = new Outbox(1 << 20, 1 << 20);
    final List<Message> heard = Collections.synchronizedList(new ArrayList<>());
    volatile boolean silent;

    @Override
    public CompletionStage<Message> ask(Message message, Duration limit) {
      heard.add(message);
      if (silent) {
        return CompletableFuture.failedFuture(new TimeoutException("no answer within " + limit));
      }
      if (message instanceof Collect collect) {
        return CompletableFuture.completedFuture(
            outbox.collect(collect.after(), collect.maxBytes(), ExecutorReport.NONE.at(1)));
      }
      if (message instanceof Committed committed) {
        outbox.committed(committed.upTo());
      }
      return CompletableFuture.completedFuture(new Message.Done());
    }

    void answered(String id) {
      outbox.add(turn(id));
    }

    CompletableFuture<Void> posted(String id) {
      return outbox
          .append(new Feedback(id, "t", Feedback.Kind.THUMB, 1.0, null, null, null, 5))
          .toCompletableFuture();
    }
  }

  private static ServedTurn turn(String id) {
    return new ServedTurn(
        id,
        "conversation",
        null,
        3,
        new int[] {1, 2},
        new int[] {3},
        new float[] {-0.5f},
        null,
        "an answer",
        1,
        "stop",
        1_700_000_000_123L);
  }

  private FakeExecutor executor(String id) {
    FakeExecutor executor = new FakeExecutor();
    fleet.ready(new Message.Ready(id, "node", 1, "CPU", "small"), executor);
    return executor;
  }

  /** One that collects when the test says so. */
  private Collector collector() {
    AtomicInteger rounds = new AtomicInteger();
    Collector collector =
        new Collector(fleet, ledger, "app", NEVER_AGAIN_MILLIS, rounds::incrementAndGet);
    collectors.add(collector);
    Awaitility.await().atMost(LONG).until(() -> rounds.get() > 0);
    return collector;
  }

  @AfterEach
  void close() {
    collectors.forEach(Collector::close);
  }

  @Test
  void commitsTurnsBeforeFeedback() {
    Collector collector = collector();
    FakeExecutor one = executor("1");
    FakeExecutor two = executor("2");
    CompletableFuture<Void> posted = one.posted("f1");
    one.answered("t1");
    two.answered("t2");
    CompletableFuture<Void> other = two.posted("f2");

    assertThat(collector.collect()).isFalse();
    assertThat(ledger.ids).containsExactly("t1", "t2", "f1", "f2");
    assertThat(posted).isCompletedWithValue(null);
    assertThat(other).isCompletedWithValue(null);
    assertThat(fleet.members()).extracting(Member::collected).containsExactly(2L, 2L);
    assertThat(fleet.members()).extracting(m -> m.report().version()).containsOnly(1L);
  }

  @Test
  void confirmsAfterTheCommitOnly() {
    Collector collector = collector();
    FakeExecutor executor = executor("1");
    CompletableFuture<Void> posted = executor.posted("f1");
    ledger.failing = Table.FEEDBACK;
    assertThatThrownBy(collector::collect).isInstanceOf(SparkException.class);
    assertThat(posted).isNotDone();
    assertThat(executor.heard).hasSize(1).first().isInstanceOf(Collect.class);

    ledger.failing = null;
    collector.collect();
    assertThat(posted).isCompletedWithValue(null);
    assertThat(executor.heard).last().isEqualTo(new Committed(1));
  }

  @Test
  void triesTheSameTransactionAgainBeforeAnythingElse() {
    Collector collector = collector();
    FakeExecutor executor = executor("1");
    executor.answered("t1");
    CompletableFuture<Void> posted = executor.posted("f1");
    ledger.failing = Table.FEEDBACK;
    assertThatThrownBy(collector::collect).isInstanceOf(SparkException.class);
    executor.answered("t2");
    assertThatThrownBy(collector::collect).isInstanceOf(SparkException.class);
    assertThat(executor.heard).as("nothing more is fetched").hasSize(1);
    assertThat(ledger.ids).containsExactly("t1");
    assertThat(posted).isNotDone();

    ledger.failing = null;
    collector.collect();
    assertThat(posted).isCompletedWithValue(null);
    assertThat(ledger.ids).containsExactly("t1", "f1", "t2");
    assertThat(ledger.tried).extracting(Txn::version).containsExactly(0L, 0L, 0L, 0L, 0L, 0L, 1L);
    assertThat(executor.outbox.isEmpty()).isTrue();
  }

  @Test
  void whatALostExecutorGaveIsCommittedAllTheSame() {
    Collector collector = collector();
    executor("1").answered("t1");
    ledger.failing = Table.TURNS;
    assertThatThrownBy(collector::collect).isInstanceOf(SparkException.class);
    fleet.lost("1", "killed");
    ledger.failing = null;
    collector.collect();
    assertThat(ledger.ids).containsExactly("t1");
  }

  @Test
  void oneThatDoesNotAnswerHoldsNobodyUp() {
    Collector collector = collector();
    fleet.serve(1, null);
    FakeExecutor silent = executor("1");
    FakeExecutor other = executor("2");
    silent.answered("t1");
    other.answered("t2");
    silent.silent = true;
    collector.collect();
    assertThat(ledger.ids).containsExactly("t2");
    assertThat(fleet.members())
        .extracting(Member::state)
        .containsExactly(State.STARTING, State.READY);

    silent.silent = false;
    collector.collect();
    assertThat(ledger.ids).containsExactly("t2", "t1");
    assertThat(fleet.ready()).hasSize(2);
  }

  @Test
  void anAnswerThatGotLostComesAgainOnce() {
    Collector collector = collector();
    FakeExecutor executor = executor("1");
    executor.answered("t1");
    collector.collect();
    executor.answered("t2");
    executor.silent = true;
    collector.collect();
    executor.silent = false;
    collector.collect();
    collector.collect();
    assertThat(ledger.ids).containsExactly("t1", "t2");
    assertThat(executor.heard.stream().filter(Collect.class::isInstance))
        .extracting(message -> ((Collect) message).after())
        .containsExactly(0L, 1L, 1L, 2L);
  }

  @Test
  void fetchesUntilNobodyHasMore() {
    Collector collector = collector();
    AtomicInteger asked = new AtomicInteger();
    fleet.ready(new Message.Ready("1", "node", 1, "CPU", "small"), (message, limit) -> {
      if (!(message instanceof Collect)) {
        return CompletableFuture.completedFuture(new Message.Done());
      }
      int parcel = asked.incrementAndGet();
      return CompletableFuture.completedFuture(new Parcel(
          List.of(turn("t" + parcel)), List.of(), parcel, parcel < 4, ExecutorReport.NONE));
    });
    collector.collectAll();
    assertThat(ledger.ids).containsExactly("t1", "t2", "t3", "t4");
  }

  @Test
  void aCollectorThatClosesFetchesNoMore() {
    Collector collector = collector();
    AtomicInteger asked = new AtomicInteger();
    fleet.ready(new Message.Ready("1", "node", 1, "CPU", "small"), (message, limit) -> {
      if (asked.incrementAndGet() == 5) {
        collector.close();
      }
      return CompletableFuture.completedFuture(
          new Parcel(List.of(), List.of(), 0, true, ExecutorReport.NONE));
    });
    collector.collectAll();
    assertThat(asked).hasValue(5);
    collector.collectAll();
    assertThat(asked).as("once more, for an executor that says farewell").hasValue(6);
  }

  @Test
  void everyCollectorHasTransactionsOfItsOwn() {
    Collector first = collector();
    FakeExecutor executor = executor("1");
    executor.answered("t1");
    first.collect();
    first.close();

    executor.answered("t2");
    collector().collect();
    assertThat(ledger.ids).containsExactly("t1", "t2");
    assertThat(ledger.tried)
        .extracting(Txn::appId)
        .doesNotHaveDuplicates()
        .allMatch(id -> id.startsWith("turns-app-"));
  }

  @Test
  void goesOnByItselfAfterAFailure() {
    FakeExecutor executor = executor("1");
    executor.answered("t1");
    ledger.failing = Table.TURNS;
    AtomicInteger rounds = new AtomicInteger();
    try (Collector regular = new Collector(fleet, ledger, "app", 10, rounds::incrementAndGet)) {
      assertThat(regular).isNotNull();
      Awaitility.await().atMost(LONG).until(() -> ledger.tried.size() >= 2);
      assertThat(rounds).hasValue(0);
      ledger.failing = null;
      Awaitility.await().atMost(LONG).until(() -> rounds.get() >= 2);
      executor.answered("t2");
      Awaitility.await().atMost(LONG).untilAsserted(() -> assertThat(ledger.ids)
          .containsExactly("t1", "t2"));
    }
    int ended = rounds.get();
    assertThat(executor.outbox.isEmpty()).isTrue();
    assertThat(rounds).as("closed").hasValue(ended);
  }

  @Test
  void theRowsFitTheTables(@TempDir Path warehouse) {
    Tables tables = TestSpark.tables(warehouse);
    FakeExecutor executor = executor("7");
    executor.answered("t1");
    CompletableFuture<Void> posted = executor.posted("f1");
    Collector collector = new Collector(fleet, tables::append, "app", NEVER_AGAIN_MILLIS, () -> {});
    collectors.add(collector);
    collector.collect();

    assertThat(posted).isCompletedWithValue(null);
    Row turn = tables.read(Table.TURNS).head();
    assertThat(turn.<String>getAs("turn_id")).isEqualTo("t1");
    assertThat(turn.<String>getAs("executor_id")).isEqualTo("7");
    assertThat(turn.<Long>getAs("version")).isEqualTo(3);
    assertThat(turn.<Integer>getList(turn.fieldIndex("prompt"))).containsExactly(1, 2);
    assertThat(turn.<Float>getList(turn.fieldIndex("log_probs"))).containsExactly(-0.5f);
    assertThat(turn.<String>getAs("prompt_text")).isNull();
    assertThat(turn.<Timestamp>getAs("ended_at").getTime()).isEqualTo(1_700_000_000_123L);
    Row feedback = tables.read(Table.FEEDBACK).head();
    assertThat(feedback.<String>getAs("id")).isEqualTo("f1");
    assertThat(feedback.<String>getAs("kind")).isEqualTo("thumb");
    assertThat(feedback.<Double>getAs("score")).isEqualTo(1);
    assertThat(feedback.<String>getAs("text")).isNull();
  }
}
