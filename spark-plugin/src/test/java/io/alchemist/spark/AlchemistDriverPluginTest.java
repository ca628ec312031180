package io.alchemist.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.spark.fleet.Collector;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.fleet.Message;
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
  void anExecutorThatLeavesIsCollected() {
    assertThatThrownBy(() -> ask(new Message.Leaving("1")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The job that would commit this has ended.");
    try (Collector collector =
        new Collector(plugin.fleet(), (table, rows, txn) -> {}, "app", 3_600_000, () -> {})) {
      plugin.collectBy(collector);
      assertThat(ask(new Message.Leaving("1"))).isEqualTo(new Message.Done());
    }
  }

  @Test
  void refusesStrangers() {
    assertThatThrownBy(() -> plugin.receive("hello"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("A message of class java.lang.String is none of Alchemist's."
            + " Give driver and executors the same jars.");
  }
}
