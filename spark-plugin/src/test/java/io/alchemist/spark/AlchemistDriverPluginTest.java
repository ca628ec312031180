package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.spark.executor.Outbox;
import io.alchemist.spark.fleet.Collector;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.fleet.Message;
import io.alchemist.spark.fleet.ServedTurn;
import io.alchemist.spark.internal.ExecutorEndpoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class AlchemistDriverPluginTest {
  private final AlchemistDriverPlugin plugin = new AlchemistDriverPlugin();

  private static SparkConf conf() {
    return new SparkConf(false).set("spark.alchemist.model", "/models/small");
  }

  private Message ask(Message message) {
    return Message.decode((byte[]) plugin.receive(Message.encode(message)));
  }

  @Test
  void refusesDynamicAllocation() {
    AlchemistDriverPlugin.check(conf().set("spark.dynamicAllocation.enabled", "false"));
    assertThatThrownBy(() ->
            AlchemistDriverPlugin.check(conf().set("spark.dynamicAllocation.enabled", "true")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "spark.dynamicAllocation.enabled is true: an executor that only serves looks idle"
                + " to Spark, which would take it away. Set spark.dynamicAllocation.enabled=false.");
  }

  @Test
  void saysHowToStartWithIt() {
    assertThatThrownBy(() -> AlchemistDriverPlugin.of(TestSpark.session().sparkContext()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "This Spark application was started without Alchemist's plugin, so its executors"
                + " have no engine. Start it with spark.plugins=io.alchemist.spark.AlchemistPlugin.");
  }

  @Test
  void executorsWaitUntilTheDriverHasStarted() {
    assertThat(ask(new Message.Hello("1"))).isEqualTo(new Message.NotYet());
  }

  @Test
  void takesExecutorsIntoTheFleetAndTalksToThem() {
    assertThat(TestSpark.session().sparkContext().isStopped()).isFalse();
    List<Message> heard = Collections.synchronizedList(new ArrayList<>());
    try (ExecutorEndpoint executor = new ExecutorEndpoint(SparkEnv.get(), message -> {
      heard.add(message);
      return CompletableFuture.completedFuture(new Message.Done());
    })) {
      Message.Ready ready = new Message.Ready("1", "node", 80, "CPU", "small");
      assertThat(Message.decode((byte[]) plugin.receive(executor.hello(ready))))
          .isEqualTo(new Message.Done());
      assertThat(plugin.fleet().members()).extracting(Member::executorId).containsExactly("1");

      plugin.fleet().drain(); // over Spark's RPC
      Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(heard)
          .containsExactly(new Message.Drain()));
    }
    assertThatThrownBy(
            () -> plugin.receive(Message.encode(new Message.Ready("1", "n", 80, "CPU", "small"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "The executor's hello has no way back. Give driver and executors the same jars.");
  }

  @Test
  void notesExecutorsThatFail() {
    ask(new Message.Failed("1", "node", "no model"));
    assertThat(plugin.fleet().members()).singleElement().satisfies(member -> {
      assertThat(member.state()).isEqualTo(Member.State.FAILED);
      assertThat(member.detail()).isEqualTo("no model");
    });
  }

  @Test
  void anExecutorThatLeavesIsCollectedThoughItCountsAsLost() {
    assertThat(TestSpark.session().sparkContext().isStopped()).isFalse();
    assertThatThrownBy(() -> ask(new Message.Leaving("1")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The job that would commit this has ended.");
    Outbox outbox = new Outbox(1 << 20, 1 << 20);
    outbox.add(new ServedTurn(
        "t1", "c", null, 1, new int[1], new int[1], new float[1], null, "yes", 0, "stop", 0));
    List<String> committed = Collections.synchronizedList(new ArrayList<>());
    try (ExecutorEndpoint executor = new ExecutorEndpoint(
            SparkEnv.get(),
            message -> CompletableFuture.completedFuture(
                message instanceof Message.Collect collect
                    ? outbox.collect(collect.after(), collect.maxBytes(), ExecutorReport.NONE)
                    : new Message.Done()));
        Collector collector = new Collector(
            plugin.fleet(),
            (table, rows, txn) -> rows.forEach(row -> committed.add(row.getString(0))),
            "app",
            3_600_000,
            () -> {})) {
      plugin.receive(executor.hello(new Message.Ready("1", "node", 80, "CPU", "small")));
      plugin.fleet().lost("1", "decommissioned");
      plugin.collectBy(collector);
      assertThat(Message.decode((byte[]) plugin.receive(executor.hello(new Message.Leaving("1")))))
          .isEqualTo(new Message.Done());
      assertThat(committed).containsExactly("t1");
    }
  }

  @Test
  void refusesToMoveActivationsToStrangers() {
    SparkConf moving = conf()
        .set("spark.decommission.enabled", "true")
        .set("spark.storage.decommission.enabled", "true")
        .set("spark.alchemist.memory.host", "1g");
    assertThatThrownBy(() -> AlchemistDriverPlugin.check(moving))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("Set spark.storage.decommission.rddBlocks.enabled=false.");
    AlchemistDriverPlugin.check(
        moving.set("spark.storage.decommission.rddBlocks.enabled", "false"));
  }

  @Test
  void refusesStrangers() {
    assertThatThrownBy(() -> plugin.receive("hello"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("A message of class java.lang.String is none of Alchemist's."
            + " Give driver and executors the same jars.");
  }
}
