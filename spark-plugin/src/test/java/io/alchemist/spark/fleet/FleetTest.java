package io.alchemist.spark.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Member.State;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class FleetTest {
  private static final Duration SHORT = Duration.ofMillis(50);
  private static final Duration LONG = Duration.ofSeconds(30);

  private static Broadcast<Packed<AdapterData>> adapter;

  private final List<String> failed = new ArrayList<>();
  private final Fleet fleet = new Fleet(failed::add);
  private final FakeLink link = new FakeLink();

  @BeforeAll
  static void broadcast() {
    adapter = new JavaSparkContext(TestSpark.session().sparkContext())
        .broadcast(new Packed<>(new AdapterData(
            1,
            1,
            new TreeMap<>(Map.of(
                new Site(0, LinearLayer.Q), new Factors(new float[] {1}, new float[] {1}))))));
  }

  @AfterAll
  static void destroy() {
    adapter.destroy();
  }

  private static Message.Ready hello(String id) {
    return new Message.Ready(id, "node-" + id, 8000, "CPU", "small");
  }

  private static ExecutorReport report(long version) {
    return ExecutorReport.NONE.at(version);
  }

  private static ExecutorReport report(long version, boolean draining, String failure) {
    return new ExecutorReport(
        version, draining, failure, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  private Member member(String id) {
    return fleet.members().stream()
        .filter(member -> member.executorId().equals(id))
        .findFirst()
        .orElseThrow();
  }

  private State state(String id) {
    return member(id).state();
  }

  /** Executor "1" at the first version. */
  private void start() {
    fleet.serve(1, null);
    fleet.ready(hello("1"), link);
    fleet.reported("1", report(1));
  }

  // ---- a life

  @Test
  void anExecutorWaitsUntilItIsKnownWhatToServe() {
    fleet.ready(hello("1"), link);
    fleet.reported("1", report(1));
    assertThat(state("1")).isEqualTo(State.STARTING);
    assertThat(member("1").detail()).isEqualTo("Waits for its first version.");

    fleet.serve(1, null);
    assertThat(state("1")).isEqualTo(State.READY);
    assertThat(member("1").detail()).isEmpty();
    assertThat(link.messages()).as("every engine begins with that").isEmpty();
  }

  @Test
  void aNewExecutorIsReadyOnceItServesWhatAllDo() {
    fleet.serve(5, adapter);
    fleet.ready(hello("1"), link);
    assertThat(link.published()).containsExactly(5L);
    assertThat(state("1")).isEqualTo(State.STARTING);
    assertThat(fleet.ready()).isEmpty();

    link.last().done();
    assertThat(state("1")).isEqualTo(State.READY);
    assertThat(member("1").report().version()).isEqualTo(5);
    assertThat(fleet.ready()).extracting(Member::executorId).containsExactly("1");
  }

  @Test
  void membersComeInTheirOrderAndReadyOnesById() {
    fleet.serve(1, null);
    for (String id : new String[] {"3", "1", "2"}) {
      fleet.ready(hello(id), new FakeLink());
    }
    fleet.lost("1", "gone");
    assertThat(fleet.members()).extracting(Member::executorId).containsExactly("3", "1", "2");
    assertThat(fleet.ready()).extracting(Member::executorId).containsExactly("2", "3");
  }

  @Test
  void anExecutorThatDrainsIsNotReadyButIsCollected() {
    start();
    fleet.drain();
    assertThat(link.messages()).containsExactly(new Message.Drain());
    link.last().done();
    fleet.reported("1", report(1, true, ""));
    assertThat(state("1")).isEqualTo(State.DRAINING);
    assertThat(fleet.ready()).isEmpty();
    assertThat(fleet.reachable()).hasSize(1);
  }

  @Test
  void anEngineThatFailsIsStillCollected() {
    start();
    fleet.reported("1", report(1, false, "The device is gone."));
    assertThat(state("1")).isEqualTo(State.FAILED);
    assertThat(member("1").detail()).isEqualTo("The device is gone.");
    assertThat(fleet.reachable().values()).containsExactly(link);
    fleet.reported("1", report(1, false, "The device is gone."));
    assertThat(failed).as("told of once").containsExactly("1");

    fleet.serve(2, adapter);
    assertThat(link.published()).as("it can't serve").isEmpty();

    fleet.lost("1", "killed");
    assertThat(fleet.reachable()).isEmpty();
    assertThat(member("1").detail()).as("says more").isEqualTo("The device is gone.");
  }

  @Test
  void aLostExecutorIsShownWithItsReason() {
    start();
    fleet.lost("1", "Worker lost");
    assertThat(state("1")).isEqualTo(State.LOST);
    assertThat(member("1").detail()).isEqualTo("Worker lost");
    assertThat(fleet.reachable()).isEmpty();

    fleet.reported("1", report(9));
    assertThat(member("1").report().version()).as("a report on its way").isEqualTo(1);
    fleet.lost("of another application", "gone");
    assertThat(fleet.members()).hasSize(1);
  }

  @Test
  void rememberedAreTheNewestThatAreGone() {
    fleet.serve(1, null);
    fleet.ready(hello("alive"), link);
    for (int i = 0; i < 60; i++) {
      fleet.ready(hello("lost-" + i), new FakeLink());
      fleet.lost("lost-" + i, "gone");
      fleet.failed(new Message.Failed("failed-" + i, "node", "no model"));
    }
    assertThat(fleet.members()).hasSize(51);
    assertThat(state("alive")).isEqualTo(State.READY);
    assertThat(state("lost-59")).isEqualTo(State.LOST);
    assertThat(state("failed-59")).isEqualTo(State.FAILED);
  }

  @Test
  void anExecutorThatSaysReadyAgainIsNotCollectedAgain() {
    start();
    fleet.collected("1", 17);
    FakeLink second = new FakeLink();
    fleet.ready(hello("1"), second);
    assertThat(fleet.reachable().values()).containsExactly(second);
    assertThat(member("1").collected()).isEqualTo(17);
  }

  // ---- suspicion

  @Test
  void whoCannotBeReachedIsSuspectUntilItReports() {
    start();
    fleet.unreachable("1");
    assertThat(state("1")).isEqualTo(State.STARTING);
    assertThat(member("1").detail()).isEqualTo("Could not be reached a moment ago.");
    assertThat(fleet.ready()).isEmpty();
    assertThat(fleet.reachable()).as("it is asked how it is").hasSize(1);

    fleet.reported("1", report(1));
    assertThat(state("1")).isEqualTo(State.READY);
  }

  @Test
  void suspicionEndsByItself() throws InterruptedException {
    start();
    fleet.unreachable("1");
    assertThat(fleet.awaitAnyReady(Duration.ZERO)).isEmpty();
    assertThat(fleet.awaitAnyReady(LONG)).hasSize(1);
  }

  @Test
  void suspicionOfAnUnknownOneChangesNothing() {
    start();
    fleet.unreachable("2");
    assertThat(state("1")).isEqualTo(State.READY);
  }

  // ---- versions

  @Test
  void aVersionIsSentAgainUntilItIsServed() {
    start();
    fleet.serve(2, adapter);
    link.last().fail();
    assertThat(link.published()).as("not at once: it may be down").containsExactly(2L);
    assertThat(state("1")).as("it serves, an older version").isEqualTo(State.READY);

    fleet.reported("1", report(1));
    link.last().fail();
    fleet.reported("1", report(1));
    assertThat(link.published()).containsExactly(2L, 2L, 2L);
    link.last().done();

    fleet.reported("1", report(2));
    assertThat(link.published()).hasSize(3);
  }

  @Test
  void oneVersionIsOnItsWayAtATime() {
    start();
    fleet.serve(2, adapter);
    FakeLink.Asked second = link.last();
    fleet.serve(3, adapter);
    fleet.serve(4, adapter);
    fleet.reported("1", report(1));
    assertThat(link.published()).containsExactly(2L);

    second.done();
    assertThat(link.published()).as("then the newest").containsExactly(2L, 4L);
    link.last().done();
    assertThat(link.published()).hasSize(2);
    assertThat(member("1").report().version()).isEqualTo(4);
  }

  @Test
  void aLateAnswerDoesNotTakeAVersionBack() {
    start();
    fleet.serve(2, adapter);
    fleet.serve(3, adapter);
    fleet.reported("1", report(3));
    link.last().done();
    assertThat(member("1").report().version()).isEqualTo(3);
    assertThat(link.published()).containsExactly(2L);
  }

  @Test
  void anAnswerOfALostExecutorChangesNothing() {
    fleet.serve(2, adapter);
    fleet.ready(hello("1"), link);
    fleet.lost("1", "gone");
    link.last().done();
    assertThat(state("1")).isEqualTo(State.LOST);
    fleet.serve(3, adapter);
    assertThat(link.published()).containsExactly(2L);
  }

  @Test
  void aReadyExecutorStaysReadyWhileItIsBehind() {
    start();
    fleet.serve(2, adapter);
    assertThat(state("1")).isEqualTo(State.READY);
    FakeLink other = new FakeLink();
    fleet.ready(hello("2"), other);
    fleet.reported("2", report(1));
    assertThat(state("2")).as("a new one has to catch up first").isEqualTo(State.STARTING);
  }

  @Test
  void fromManyThreadsAllEndAtTheNewestVersion() {
    int executors = 8;
    int versions = 200;
    Link immediate = (message, limit) -> CompletableFuture.supplyAsync(() -> new Message.Done());
    fleet.serve(1, null);
    Thread serving = new Thread(() -> {
      for (int version = 2; version <= versions; version++) {
        fleet.serve(version, adapter);
      }
    });
    serving.start();
    for (int i = 0; i < executors; i++) {
      fleet.ready(hello("" + i), immediate);
      fleet.reported("" + i, report(1));
    }
    Awaitility.await().atMost(LONG).untilAsserted(() -> assertThat(fleet.members())
        .extracting(member -> member.report().version())
        .hasSize(executors)
        .containsOnly((long) versions));
  }

  // ---- waiting

  @Test
  void waitsForSoManyExecutors() throws Exception {
    fleet.serve(1, null);
    CompletableFuture<@Nullable Void> waiting = CompletableFuture.runAsync(() -> {
      try {
        fleet.awaitReady(2, LONG);
      } catch (InterruptedException | TimeoutException e) {
        throw new CompletionException(e);
      }
    });
    fleet.ready(hello("1"), link);
    assertThat(waiting).isNotDone();
    fleet.ready(hello("2"), link);
    assertThat(waiting).succeedsWithin(LONG);
  }

  @Test
  void saysWhoIsThereWhenTheTimeIsUp() {
    start();
    assertThatThrownBy(() -> fleet.awaitReady(3, SHORT))
        .isInstanceOf(TimeoutException.class)
        .hasMessage(
            "After 0 s 1 of 3 executors serve. Look at the executors' logs; give them more time with"
                + " spark.alchemist.executors.startTimeout, or ask for fewer with spark.alchemist.executors.min.");
  }

  @Test
  void anExecutorThatCannotServeEndsTheWaitingAtOnce() {
    fleet.serve(1, null);
    CompletableFuture<@Nullable Void> waiting = CompletableFuture.runAsync(() -> {
      try {
        fleet.awaitReady(1, LONG);
      } catch (InterruptedException | TimeoutException e) {
        throw new CompletionException(e);
      }
    });
    fleet.failed(new Message.Failed("1", "node-1", "There is no model in /models/small."));
    assertThat(waiting)
        .failsWithin(LONG)
        .withThrowableThat()
        .havingRootCause()
        .isInstanceOf(IllegalStateException.class)
        .withMessage("Executor 1 on node-1 can't serve: There is no model in /models/small.");
    fleet.lost("1", "killed");
    assertThatThrownBy(() -> fleet.awaitReady(1, SHORT))
        .as("also when it is gone by now")
        .hasMessageContaining("There is no model");
  }

  @Test
  void waitsForAVersion() throws Exception {
    start();
    assertThat(fleet.awaitVersion(1, SHORT)).isTrue();
    fleet.serve(2, adapter);
    assertThat(fleet.awaitVersion(2, SHORT)).isFalse();
    link.last().done();
    assertThat(fleet.awaitVersion(2, SHORT)).isTrue();
    fleet.lost("1", "gone");
    assertThat(fleet.awaitVersion(3, SHORT)).as("nobody is behind").isTrue();
  }

  @Test
  void givesUpWaitingForAnyone() throws InterruptedException {
    assertThat(fleet.awaitAnyReady(SHORT)).isEmpty();
  }
}
