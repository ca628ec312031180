package io.alchemist.spark.executor;

import io.alchemist.cache.HostTier;
import io.alchemist.engine.CacheConfig;
import io.alchemist.engine.Engine;
import io.alchemist.engine.EngineConfig;
import io.alchemist.engine.EngineDefaults;
import io.alchemist.engine.EngineStatus;
import io.alchemist.engine.LatencyTargets;
import io.alchemist.engine.LearningConfig;
import io.alchemist.engine.LoadedModel;
import io.alchemist.engine.TextEngine;
import io.alchemist.http.ApiConfig;
import io.alchemist.http.ApiServer;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Metrics;
import io.alchemist.model.SavePlan;
import io.alchemist.serve.AnsweredTurn;
import io.alchemist.serve.ServerStats;
import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.fleet.ExecutorReport;
import io.alchemist.spark.fleet.ServedTurn;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.train.TrainerConfig;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;
import org.apache.spark.SparkConf;

/**
 * The engine of one executor with all around it: model, API server, outbox. Tasks of training find it through
 * {@link EngineHolder}. Thread-safe.
 */
public final class ExecutorEngine implements AutoCloseable {
  private static final long MAX_FEEDBACK_BYTES = 64L << 20;
  private static final long MAX_TURN_BYTES = 256L << 20;
  private static final int MAX_LOGITS = 8 << 20;
  private static final int MAX_JOBS = 8;
  private static final int HTTP_CLOSE_MILLIS = 2_000;

  private final LoadedModel model;
  private final Engine engine;
  private final Outbox outbox;
  private final ApiServer server;
  private final String host;
  private final Counter droppedTurns;
  private final long drainMillis;
  private final RecentTimes firstToken = new RecentTimes();
  private final RecentTimes perToken = new RecentTimes();
  private final AtomicLong answers = new AtomicLong();
  private final Map<Long, Integer> users = new HashMap<>();

  /**
   * Loads the model and serves it.
   *
   * @param conf settings
   * @param host address to bind
   * @param cores what the executor has, for settings that follow from it
   * @param hostTiers opens the host tier
   */
  public ExecutorEngine(SparkConf conf, String host, int cores, HostTiers hostTiers)
      throws IOException {
    this.host = announced(AlchemistConf.SERVE_HOST.in(conf), host);
    this.drainMillis = AlchemistConf.DRAIN_TIMEOUT.in(conf);
    this.outbox = new Outbox(MAX_FEEDBACK_BYTES, MAX_TURN_BYTES);
    this.model = LoadedModel.open(Path.of(AlchemistConf.MODEL.in(conf)));
    try {
      Metrics metrics = new Metrics();
      this.droppedTurns = metrics.counter(
          "alchemist_dropped_turns_total",
          "Answered turns that will never be in their table: the driver did not fetch them in time.");
      this.engine = engine(conf, model, cores, hostTiers, metrics);
      try {
        Engine.await(engine.calibrate());
        TextEngine text = new TextEngine(engine, model, outbox, this::answered);
        this.server = ApiServer.start(apiConfig(conf, host), text, metrics);
      } catch (IOException | RuntimeException e) {
        engine.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) {
      model.close();
      throw e;
    }
  }

  /** Where activations go that leave the device. */
  @FunctionalInterface
  public interface HostTiers {
    /**
     * Opens a tier.
     *
     * @param maxHostBytes most host memory
     * @param maxDiskBytes most disk behind it
     * @param buffers makes a buffer of a size, for reading back from disk
     */
    HostTier open(long maxHostBytes, long maxDiskBytes, LongFunction<HostBuffer> buffers);
  }

  private static ApiConfig apiConfig(SparkConf conf, String host) {
    String configured = AlchemistConf.SERVE_HOST.in(conf);
    return ApiConfig.defaults()
        .at(configured.isEmpty() ? host : configured, AlchemistConf.SERVE_PORT.in(conf))
        .closingWithin(HTTP_CLOSE_MILLIS);
  }

  private static Engine engine(
      SparkConf conf, LoadedModel model, int cores, HostTiers hostTiers, Metrics metrics) {
    long deviceBytes = AlchemistConf.DEVICE_MEMORY.in(conf);
    EngineConfig config = engineConfig(conf, model, deviceBytes);
    int threads = AlchemistConf.THREADS.in(conf);
    Ops ops = CpuOps.create(threads == 0 ? Math.max(1, cores) : threads, deviceBytes);
    HostTier host;
    try {
      host = hostTiers.open(
          AlchemistConf.HOST_MEMORY.in(conf), AlchemistConf.DISK_MEMORY.in(conf), ops::hostBuffer);
    } catch (RuntimeException e) {
      ops.close();
      throw e;
    }
    return new Engine(config, ops, model.checkpoint(), metrics, host);
  }

  private static EngineConfig engineConfig(SparkConf conf, LoadedModel model, long deviceBytes) {
    int context = model.checkpoint().config().maxPositions();
    LearningConfig learning = new LearningConfig(
        trainable(conf),
        optimizer(conf),
        new TrainerConfig(
            Math.min(AlchemistConf.MICRO_BATCH.in(conf), context), MAX_LOGITS, MAX_JOBS),
        SavePlan.A,
        AlchemistConf.RECORD_FRACTION.in(conf));
    EngineConfig defaults = EngineDefaults.of(
        model.checkpoint().config(),
        deviceBytes,
        learning,
        AlchemistConf.MAX_STALENESS.in(conf),
        model.endOfTurn());
    CacheConfig cache = defaults.cache();
    return new EngineConfig(
        deviceBytes,
        new CacheConfig(cache.pageTokens(), cache.kvTokens(), cache.sharedBytes(), 0, 0, null),
        defaults.scheduler(),
        new LatencyTargets(
            AlchemistConf.FIRST_TOKEN_TARGET.in(conf),
            AlchemistConf.PER_TOKEN_TARGET.in(conf),
            AlchemistConf.TRAINING_PATIENCE.in(conf),
            AlchemistConf.TRAINING_SHARE.in(conf)),
        learning,
        defaults.keptVersions(),
        1, // turns are in their table
        model.endOfTurn());
  }

  /** The adapter that is trained; the same on the driver and on every executor. */
  public static Trainable.Adapter trainable(SparkConf conf) {
    return new Trainable.Adapter(AlchemistConf.lora(conf), AlchemistConf.LORA_SEED.in(conf));
  }

  /** The optimizer's numbers. */
  public static OptimizerConfig optimizer(SparkConf conf) {
    return OptimizerConfig.withRate(AlchemistConf.LEARNING_RATE.in(conf).floatValue());
  }

  private void answered(AnsweredTurn turn) {
    firstToken.add(turn.firstTokenNanos());
    if (turn.perTokenNanos() > 0) {
      perToken.add(turn.perTokenNanos());
    }
    answers.incrementAndGet();
    if (turn.kept()) {
      outbox.add(ServedTurn.of(turn));
      droppedTurns.advanceTo(outbox.droppedTurns());
    }
  }

  /** The engine. */
  public Engine engine() {
    return engine;
  }

  /** The model's tokenizer and template. */
  public LoadedModel model() {
    return model;
  }

  /** What the driver is to fetch. */
  public Outbox outbox() {
    return outbox;
  }

  /** Where the router can reach an address that is bound: at that address, unless it stands for all of the machine. */
  static String announced(String bound, String host) {
    return Set.of("", "0.0.0.0", "::").contains(bound) ? host : bound;
  }

  /** Where it serves. */
  public String host() {
    return host;
  }

  /** Likewise. */
  public int port() {
    return server.port();
  }

  /** How it is. */
  public ExecutorReport report() {
    EngineStatus status = engine.lastStatus();
    String failure = engine.failure();
    return new ExecutorReport(
        status.liveVersion(),
        engine.isDraining(),
        failure == null ? "" : failure,
        status.server().running(),
        status.server().waiting(),
        answers.get(),
        status.server().promptTokens(),
        status.server().generatedTokens(),
        firstToken.millis(0.5),
        firstToken.millis(0.99),
        perToken.millis(0.5),
        perToken.millis(0.99),
        status.kvBytes(),
        status.activationBytes(),
        status.hostBytes(),
        status.diskBytes(),
        status.deviceBytes(),
        status.devicePeakBytes(),
        engine.memoryPlan().totalBytes(),
        status.trainerPeakBytes(),
        status.times().stepError(),
        status.times().sliceError());
  }

  /**
   * A draft, at which gradients and losses can be taken until it is closed. Tasks that ask for the same number share it.
   *
   * @param adapter its values
   */
  public synchronized Draft draft(long number, AdapterData adapter) {
    if (!users.containsKey(number)) {
      try {
        Engine.await(engine.stage(number, adapter));
      } catch (RuntimeException e) {
        // It may be staged all the same, by and by, where merely the wait has ended.
        CompletableFuture<Void> unused = engine.unstage(number);
        throw e;
      }
    }
    users.merge(number, 1, Integer::sum);
    return new Draft(number);
  }

  /** A draft in use. */
  public final class Draft implements AutoCloseable {
    private final long number;

    private Draft(long number) {
      this.number = number;
    }

    /** What to call it in an example. */
    public long number() {
      return number;
    }

    @Override
    public void close() {
      release(number);
    }
  }

  private synchronized void release(long number) {
    Integer left = users.merge(number, -1, Integer::sum);
    if (left == 0) {
      users.remove(number);
      Engine.await(engine.unstage(number));
    }
  }

  /** Serves a version from now on; done already where it is live or was. */
  public CompletableFuture<Void> publish(long version, AdapterData adapter) {
    return engine
        .liveVersion()
        .thenCompose(live -> live >= version
            ? CompletableFuture.completedFuture(null)
            : engine.publish(version, adapter));
  }

  /** Takes no more requests; those under way go on. */
  public void drain() {
    engine.drain();
  }

  /**
   * Waits until the answers under way have ended.
   *
   * @return whether they have, within the configured time
   */
  public boolean awaitDrained() throws InterruptedException {
    long start = System.nanoTime();
    while (engine.failure() == null) { // asked first: an engine that has stopped answers nothing
      ServerStats serving = Engine.await(engine.status()).server();
      if (serving.running() + serving.waiting() == 0) {
        return true;
      }
      if (System.nanoTime() - start > drainMillis * 1_000_000L) {
        return false;
      }
      Thread.sleep(20); // a step of serving takes about as long
    }
    return false;
  }

  @Override
  public void close() {
    engine.drain();
    outbox.close();
    server.close();
    try {
      engine.close();
    } finally {
      model.close();
    }
  }
}
