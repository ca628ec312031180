package io.alchemist.spark.router;

import io.alchemist.metrics.Metrics;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * The router before three executors without engines, for trying client libraries by hand. Its argument is the port. Each
 * answer takes a second; executors are READY until they cannot be reached.
 */
final class FakeCluster {
  private static final int WORDS = 10;

  /** One thread, so that words keep their order. */
  private static final ScheduledExecutorService CLOCK =
      Executors.newSingleThreadScheduledExecutor();

  private FakeCluster() {}

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    FakeFleet fleet = new FakeFleet();
    try (FakeExecutor a = new FakeExecutor("a");
        FakeExecutor b = new FakeExecutor("b");
        FakeExecutor c = new FakeExecutor("c");
        Router router =
            Router.start(RouterConfig.defaults().at("127.0.0.1", port), fleet, new Metrics())) {
      for (FakeExecutor executor : List.of(a, b, c)) {
        executor.engine = call -> talk(call, executor.id);
      }
      fleet.set(List.of(a, b, c).stream()
          .map(one -> one.backend(Backend.State.READY, 0))
          .toList());
      System.out.println("Listening on port " + router.port());
      new CountDownLatch(1).await();
    }
  }

  private static void talk(FakeExecutor.Call call, String id) {
    for (int i = 0; i < WORDS; i++) {
      int word = i;
      after(100 * i, () -> call.say(id + word + " "));
    }
    after(100 * WORDS, call::stop);
  }

  @SuppressWarnings("FutureReturnValueIgnored") // It cannot fail.
  private static void after(int millis, Runnable action) {
    CLOCK.schedule(action, millis, TimeUnit.MILLISECONDS);
  }
}
