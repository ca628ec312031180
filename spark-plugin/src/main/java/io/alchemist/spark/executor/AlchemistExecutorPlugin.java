package io.alchemist.spark.executor;

import io.alchemist.cache.HostTier;
import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.fleet.Message;
import io.alchemist.spark.internal.ExecutorEndpoint;
import io.alchemist.spark.internal.ShutdownHook;
import io.alchemist.spark.internal.SparkHostTier;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts the engine in an executor and tells the driver. An engine that can't start doesn't fail the executor, which Spark
 * would start again without end: the driver is told why, and decides.
 */
public final class AlchemistExecutorPlugin implements ExecutorPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(AlchemistExecutorPlugin.class);
  private static final int HELLO_ATTEMPTS = 60;
  private static final long HELLO_PAUSE_MILLIS = 1_000;
  private static final long WELCOME_SECONDS = 120;
  private static final long WELCOME_PAUSE_MILLIS = 100;
  /** For the driver to fetch what is left, and for the engine to end. */
  private static final Duration CLOSE_LIMIT = Duration.ofMinutes(1);

  private @Nullable PluginContext context;
  private @Nullable Thread starter;
  private volatile boolean stopping;
  private @Nullable ShutdownHook hook;
  private volatile @Nullable ExecutorEngine engine;
  private volatile @Nullable ExecutorEndpoint endpoint;

  @Override
  public void init(PluginContext pluginContext, Map<String, String> fromDriver) {
    context = pluginContext;
    // Loading a model may take minutes, and Spark expects the executor in seconds.
    Thread thread = new Thread(() -> start(pluginContext), "alchemist-executor-start");
    thread.setDaemon(true);
    starter = thread;
    thread.start();
    hook = new ShutdownHook(
        ShutdownHook.Of.EXECUTOR,
        this::shutdown,
        Duration.ofMillis(AlchemistConf.DRAIN_TIMEOUT.in(pluginContext.conf())).plus(CLOSE_LIMIT));
  }

  private void start(PluginContext pluginContext) {
    try {
      int activationRdd = awaitWelcome(pluginContext);
      String host = ExecutorEndpoint.host(SparkEnv.get());
      SparkConf conf = pluginContext.conf().clone();
      ExecutorEngine started = new ExecutorEngine(
          conf,
          host,
          cores(conf),
          (hostBytes, diskBytes, buffers) -> activationRdd < 0
              ? HostTier.none()
              : SparkHostTier.open(activationRdd, hostBytes, diskBytes, buffers));
      engine = started;
      EngineHolder.set(started);
      ExecutorEndpoint opened =
          new ExecutorEndpoint(SparkEnv.get(), message -> answer(started, message));
      endpoint = opened;
      tell(
          pluginContext,
          opened.hello(new Message.Ready(
              pluginContext.executorID(),
              started.host(),
              started.port(),
              started.engine().description(),
              started.model().name())));
    } catch (Exception | LinkageError e) {
      LOG.error("The engine of executor {} can't start", pluginContext.executorID(), e);
      EngineHolder.fail(new IllegalStateException(reason(e), e));
      tell(
          pluginContext,
          Message.encode(new Message.Failed(
              pluginContext.executorID(), ExecutorEndpoint.host(SparkEnv.get()), reason(e))));
    }
  }

  private static String reason(Throwable e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }

  /** In local mode the executor comes before the driver is whole; on a cluster the network may be slow. */
  private static int awaitWelcome(PluginContext driver) throws Exception {
    byte[] hello = Message.encode(new Message.Hello(driver.executorID()));
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WELCOME_SECONDS);
    while (true) {
      try {
        if (Message.decode((byte[]) driver.ask(hello)) instanceof Message.Welcome welcome) {
          return welcome.activationRdd();
        }
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) { // Spark throws what it doesn't declare
        if (System.nanoTime() - deadline > 0) {
          throw e;
        }
        LOG.debug("The driver was not reached", e);
      }
      if (System.nanoTime() - deadline > 0) {
        throw new IllegalStateException(
            "The driver was still starting after " + WELCOME_SECONDS + " s; see its log.");
      }
      TimeUnit.MILLISECONDS.sleep(WELCOME_PAUSE_MILLIS);
    }
  }

  private static int cores(SparkConf conf) {
    String master = conf.get("spark.master", "");
    int all = Runtime.getRuntime().availableProcessors();
    if (master.startsWith("local[") || master.equals("local")) {
      return all;
    }
    // What Spark takes where nothing is set.
    boolean one = master.startsWith("yarn") || master.startsWith("k8s");
    return conf.getInt("spark.executor.cores", one ? 1 : all);
  }

  /** The driver may not be listening yet. */
  private void tell(PluginContext pluginContext, Object hello) {
    for (int attempt = 1; !stopping; attempt++) {
      try {
        Object unused = pluginContext.ask(hello);
        return;
      } catch (Exception e) {
        if (attempt == HELLO_ATTEMPTS) {
          LOG.error("The driver could not be told of this executor's engine", e);
          return;
        }
        LOG.debug("The driver was not reached at attempt {}", attempt, e);
      }
      try {
        TimeUnit.MILLISECONDS.sleep(HELLO_PAUSE_MILLIS); // between attempts at the network
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private static CompletionStage<Message> answer(ExecutorEngine engine, Message message) {
    if (message instanceof Message.Collect collect) {
      return CompletableFuture.completedFuture(
          engine.outbox().collect(collect.after(), collect.maxBytes(), engine.report()));
    }
    if (message instanceof Message.Committed committed) {
      engine.outbox().committed(committed.upTo());
      return CompletableFuture.completedFuture(new Message.Done());
    }
    if (message instanceof Message.Publish publish) {
      // Reading a broadcast may wait for the network.
      return CompletableFuture.supplyAsync(() -> publish.adapter().value().value())
          .thenCompose(adapter -> engine.publish(publish.version(), adapter))
          .thenApply(done -> new Message.Done());
    }
    if (message instanceof Message.Drain) {
      engine.drain();
      return CompletableFuture.completedFuture(new Message.Done());
    }
    throw new IllegalArgumentException("An executor can't be asked for " + message + ".");
  }

  /** Called by Spark, and before that where the process is told to end. */
  @Override
  public synchronized void shutdown() {
    if (stopping) {
      return;
    }
    stopping = true;
    try {
      Thread thread = starter;
      if (thread != null) {
        thread.interrupt();
        thread.join();
      }
      ExecutorEngine running = engine;
      if (running != null) {
        running.drain();
        if (!running.awaitDrained()) {
          LOG.warn("Some answers were cut off as the executor ended");
        }
        sayFarewell(running);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close();
    }
  }

  /** The driver fetches what nobody has fetched yet, if it is still there. */
  private void sayFarewell(ExecutorEngine running) {
    PluginContext driver = context;
    ExecutorEndpoint back = endpoint;
    if (driver == null || back == null || running.outbox().isEmpty()) {
      return;
    }
    try {
      Object unused = driver.ask(back.hello(new Message.Leaving(driver.executorID())));
    } catch (Exception e) {
      LOG.warn("The driver could not fetch the last turns and feedback of this executor", e);
    }
  }

  private void close() {
    ShutdownHook added = hook;
    if (added != null) {
      added.close();
    }
    EngineHolder.clear();
    ExecutorEndpoint opened = endpoint;
    if (opened != null) {
      opened.close();
    }
    ExecutorEngine running = engine;
    if (running != null) {
      running.close();
    }
  }
}
