package io.alchemist.spark.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.codahale.metrics.MetricRegistry;
import io.alchemist.spark.TestSpark;
import io.alchemist.spark.fleet.Message;
import io.alchemist.spark.fleet.Message.Failed;
import io.alchemist.spark.fleet.Message.Hello;
import io.alchemist.spark.internal.ExecutorLink;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.resource.ResourceInformation;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What an executor says when all does not go well; that it serves is a matter of whole jobs. */
class AlchemistExecutorPluginTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final AlchemistExecutorPlugin plugin = new AlchemistExecutorPlugin();
  private final FakeDriver driver = new FakeDriver();

  /** The plugin's context in an executor of a cluster, with a driver that is hard to reach at first. */
  private static final class FakeDriver implements PluginContext {
    final List<Message> heard = new CopyOnWriteArrayList<>();
    final List<Exception> failures = new CopyOnWriteArrayList<>();
    final SparkConf conf = new SparkConf(false);

    @Override
    public synchronized Object ask(Object message) throws Exception {
      Message heardNow = ExecutorLink.message(message);
      heard.add(heardNow);
      if (!failures.isEmpty()) {
        throw failures.remove(0);
      }
      if (heardNow instanceof Hello) {
        long hellos = heard.stream().filter(Hello.class::isInstance).count();
        return Message.encode(hellos <= 3 ? new Message.NotYet() : new Message.Welcome(-1));
      }
      return Message.encode(new Message.Done());
    }

    @Override
    public void send(Object message) throws IOException {
      throw new IOException("not asked for an answer");
    }

    @Override
    public MetricRegistry metricRegistry() {
      return new MetricRegistry();
    }

    @Override
    public SparkConf conf() {
      return conf;
    }

    @Override
    public String executorID() {
      return "7";
    }

    @Override
    public String hostname() {
      throw new NullPointerException("as on a cluster");
    }

    @Override
    public Map<String, ResourceInformation> resources() {
      return Map.of();
    }
  }

  @BeforeEach
  void spark() {
    assertThat(TestSpark.session().sparkContext().isStopped()).isFalse();
  }

  @AfterEach
  void shutdown() {
    plugin.shutdown();
  }

  private Failed awaitFailure() {
    Awaitility.await().atMost(LONG).until(() -> driver.heard.stream()
        .anyMatch(Failed.class::isInstance));
    return (Failed) driver.heard.get(driver.heard.size() - 1);
  }

  @Test
  void tellsTheDriverWhyItCannotServe() {
    driver.conf.set("spark.alchemist.model", "/no/such/model");
    plugin.init(driver, Map.of());
    Failed failed = awaitFailure();
    assertThat(failed.executorId()).isEqualTo("7");
    assertThat(failed.host()).isEqualTo("127.0.0.1");
    assertThat(failed.reason()).contains("/no/such/model");
    assertThat(driver.heard.stream().filter(Hello.class::isInstance))
        .as("it asked until the driver had started")
        .hasSize(4)
        .containsOnly(new Hello("7"));

    assertThatThrownBy(EngineHolder::await)
        .as("tasks learn of it, too")
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("This executor has no engine: ")
        .hasMessageContaining("/no/such/model");
  }

  @Test
  void waitsForADriverThatCannotBeReached() {
    driver.failures.addAll(List.of(
        new SparkException("Could not find endpoint"),
        new TimeoutException("no answer in 120 s"),
        new IOException("connection refused"),
        new IllegalStateException("driver is still starting")));
    plugin.init(driver, Map.of());
    assertThat(awaitFailure().reason()).startsWith("spark.alchemist.model is not set");
    assertThat(driver.heard.stream().filter(Hello.class::isInstance)).hasSize(5);
  }

  @Test
  void endsWhileItWaits() {
    for (int i = 0; i < 10_000; i++) {
      driver.failures.add(new IOException("connection refused"));
    }
    plugin.init(driver, Map.of());
    Awaitility.await().atMost(LONG).until(() -> !driver.heard.isEmpty());
    plugin.shutdown();
    assertThat(driver.heard).doesNotHaveAnyElementsOfTypes(Message.Leaving.class);
    int heard = driver.heard.size();
    Awaitility.await().during(Duration.ofMillis(300)).atMost(LONG).untilAsserted(() -> assertThat(
            driver.heard)
        .hasSize(heard));
  }

  @Test
  void theAddressThatIsBoundIsTheOneToReach() {
    assertThat(ExecutorEngine.announced("", "node")).isEqualTo("node");
    assertThat(ExecutorEngine.announced("0.0.0.0", "node")).isEqualTo("node");
    assertThat(ExecutorEngine.announced("::", "node")).isEqualTo("node");
    assertThat(ExecutorEngine.announced("127.0.0.1", "node")).isEqualTo("127.0.0.1");
  }

  @Test
  void aModelThatIsThereIsOpened() {
    // Its memory is too small, which is found out after the model was opened.
    driver
        .conf
        .set("spark.alchemist.model", Path.of("..", "models", "help-desk").toString())
        .set("spark.alchemist.memory.device", "1m");
    plugin.init(driver, Map.of());
    assertThat(awaitFailure().reason()).contains("memory");
  }
}
