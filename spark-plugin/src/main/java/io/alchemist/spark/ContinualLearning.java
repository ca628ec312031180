package io.alchemist.spark;

import io.alchemist.engine.AdapterOptimizer;
import io.alchemist.engine.LoadedModel;
import io.alchemist.feedback.FeedbackJoin;
import io.alchemist.feedback.FeedbackRules;
import io.alchemist.feedback.FeedbackStream;
import io.alchemist.feedback.RoundLog;
import io.alchemist.feedback.StreamConfig;
import io.alchemist.feedback.Tables;
import io.alchemist.feedback.TurnLog;
import io.alchemist.feedback.VersionLog;
import io.alchemist.metrics.Metrics;
import io.alchemist.spark.conf.AlchemistConf;
import io.alchemist.spark.executor.ExecutorEngine;
import io.alchemist.spark.fleet.Collector;
import io.alchemist.spark.fleet.Fleet;
import io.alchemist.spark.fleet.Member;
import io.alchemist.spark.internal.ShutdownHook;
import io.alchemist.spark.rounds.RoundObserver;
import io.alchemist.spark.rounds.Rounds;
import io.alchemist.spark.router.Router;
import io.alchemist.spark.router.RouterConfig;
import io.alchemist.weights.ModelConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The main job: executors serve the model and record, feedback comes from a Delta table, rounds train on the executors that hold
 * the activations, new versions are served. What {@code spark-submit} runs; programs and notebooks {@link #start} it in a
 * session of theirs.
 *
 * <p>Thread-safe.
 */
public final class ContinualLearning implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ContinualLearning.class);
  private static final long LEAST_WAKE_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long IDLE_PAUSE_MILLIS = 100;

  private final SparkConf conf;
  private final SparkSession session;
  private final Fleet fleet;
  private final Tables tables;
  private final JobEvents events;
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();
  private final Rounds rounds;
  private final Router router;
  private final Collector collector;
  private final StreamSupervisor stream;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final CountDownLatch closeDone = new CountDownLatch(1);
  /** For the parts that don't wait for anybody's work. */
  private static final Duration CLOSE_LIMIT = Duration.ofMinutes(2);

  private long wokenNanos = System.nanoTime();
  /** Whether all parts are there; the collector's thread asks. */
  private volatile boolean started;

  private ContinualLearning(SparkSession spark, RoundObserver observer)
      throws IOException, InterruptedException, TimeoutException {
    SparkContext context = spark.sparkContext();
    AlchemistDriverPlugin plugin = AlchemistDriverPlugin.of(context);
    this.conf = context.getConf();
    this.session = InternalSession.of(spark);
    this.fleet = plugin.fleet();
    this.events = new JobEvents(context);
    String warehouse = AlchemistConf.WAREHOUSE.in(conf);
    this.tables = new Tables(session, warehouse);
    try {
      tables.create();
      String modelPath = AlchemistConf.MODEL.in(conf);
      ModelConfig model = modelConfig(modelPath);
      AdapterOptimizer optimizer = own(new AdapterOptimizer(
          model, ExecutorEngine.trainable(conf), ExecutorEngine.optimizer(conf)));
      Metrics metrics = new Metrics();
      RoundLog log = new RoundLog(tables);
      TurnLog turns = new TurnLog(tables);
      FeedbackJoin join = new FeedbackJoin(tables, log, turns, rules(conf));
      this.rounds = new Rounds(
          session,
          conf,
          tables,
          log,
          new VersionLog(tables),
          join,
          fleet,
          model,
          optimizer,
          new EventPoster(events, new JobMetrics(metrics, fleet), observer));
      rounds.open();
      fleet.awaitReady(
          AlchemistConf.MIN_EXECUTORS.in(conf),
          Duration.ofMillis(AlchemistConf.START_TIMEOUT.in(conf)));
      this.router = own(Router.start(
          RouterConfig.defaults()
              .at(AlchemistConf.ROUTER_HOST.in(conf), AlchemistConf.ROUTER_PORT.in(conf)),
          new FleetBackends(fleet),
          metrics));
      this.collector = own(new Collector(
          fleet,
          new TableLedger(tables, turns),
          context.applicationId(),
          AlchemistConf.TURN_INTERVAL.in(conf),
          this::afterCollecting));
      plugin.collectBy(collector);
      StreamConfig streamConfig = new StreamConfig(
          warehouse + "/checkpoints/feedback",
          AlchemistConf.ROUND_INTERVAL.in(conf),
          AlchemistConf.ROUND_MAX_FILES.in(conf));
      this.stream = own(new StreamSupervisor(
          () -> StreamSupervisor.Stream.of(
              FeedbackStream.start(session, tables, streamConfig, rounds.handler())),
          ended::countDown,
          rounds::handled,
          StreamSupervisor.FIRST_PAUSE_MILLIS));
      started = true;
      // An earlier job may have left feedback that waits for its turn, with nothing new to come.
      stream.wakeUp();
      events.started(modelPath, address(), warehouse, AlchemistConf.check(conf));
      events.fleet(fleet);
    } catch (Exception e) { // Spark and Delta throw checked ones that they don't declare
      closeParts(e);
      throw e;
    }
    LOG.info("Clients ask {}/v1", address());
  }

  /**
   * Starts the job in a session and returns when it serves. Each round is logged.
   *
   * @param spark started with {@link AlchemistPlugin}, {@code spark.alchemist.model} and Delta's extension and catalog
   * @throws IllegalArgumentException when a setting makes no sense
   * @throws IllegalStateException when an executor can't serve, saying why
   * @throws TimeoutException when too few executors serve in time
   */
  public static ContinualLearning start(SparkSession spark)
      throws IOException, InterruptedException, TimeoutException {
    return start(spark, new LoggedRounds());
  }

  /** Likewise, telling {@code observer} of each round instead. */
  public static ContinualLearning start(SparkSession spark, RoundObserver observer)
      throws IOException, InterruptedException, TimeoutException {
    return new ContinualLearning(spark, observer);
  }

  private static FeedbackRules rules(SparkConf conf) {
    return new FeedbackRules(
        FeedbackRules.DEFAULTS.maxIdChars(),
        AlchemistConf.FEEDBACK_MAX_CHARS.in(conf),
        AlchemistConf.FEEDBACK_WAIT.in(conf),
        AlchemistConf.FEEDBACK_MAX_WAITING.in(conf));
  }

  private static ModelConfig modelConfig(String path) {
    try (LoadedModel model = LoadedModel.open(Path.of(path))) {
      return model.checkpoint().config();
    }
  }

  private <T extends AutoCloseable> T own(T part) {
    parts.push(part);
    return part;
  }

  private void afterCollecting() {
    events.fleet(fleet);
    long now = System.nanoTime();
    if (started && rounds.isWaiting() && now - wokenNanos > LEAST_WAKE_NANOS) {
      wokenNanos = now;
      stream.wakeUp();
    }
  }

  /** Where clients send requests: {@code http://host:port}, to which paths as {@code /v1/chat/completions} are appended. */
  public String address() {
    String host = AlchemistConf.ROUTER_HOST.in(conf);
    return "http://" + (host.equals("0.0.0.0") ? conf.get("spark.driver.host", "127.0.0.1") : host)
        + ":" + router.port();
  }

  /** The executors. */
  public Fleet fleet() {
    return fleet;
  }

  /** The tables, in a session of their own. */
  public Tables tables() {
    return tables;
  }

  /** Where the adapter of a version lies, a PEFT directory. */
  public String adapterPath(long version) {
    return rounds.adapterPath(version);
  }

  /** The version that is served. */
  public long liveVersion() {
    return rounds.liveVersion();
  }

  /**
   * Waits until the job ends: by {@link #close}, or because feedback can't be processed.
   *
   * @throws IllegalStateException in the second case, saying why
   */
  public void awaitTermination() throws InterruptedException {
    ended.await();
    stream.throwFailure();
  }

  /** From now on the job is also closed when the process is told to end, e.g. by Ctrl-C, before Spark's context is. */
  public void closeOnShutdown() {
    // Requests, the round and the executors in turn, and what is left to be committed.
    Duration limit = Duration.ofMillis(2 * AlchemistConf.DRAIN_TIMEOUT.in(conf)).plus(CLOSE_LIMIT);
    ShutdownHook unused = own(new ShutdownHook(ShutdownHook.Of.JOB, this::close, limit));
  }

  /**
   * Ends the job in good order: no new request is taken, answers and the round under way end, what executors still have is
   * committed. A round that takes longer than the drain timeout is given up and comes again at the next start. The session
   * goes on. Where it is being closed already, waits until it is.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      awaitClosed();
      return;
    }
    try {
      finish();
    } finally {
      closeDone.countDown();
    }
  }

  private void awaitClosed() {
    try {
      closeDone.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether it ends or has ended, by {@link #close} or because the process does. */
  public boolean isClosed() {
    return closed.get();
  }

  private void finish() {
    LOG.info("Finishing what is under way");
    try {
      router.close();
      stream.finish(Duration.ofMillis(AlchemistConf.DRAIN_TIMEOUT.in(conf)));
      // Before the executors drain: a round that is given up must not wait for one.
      stream.close();
      fleet.drain();
      awaitIdle();
    } catch (Exception e) { // Spark and Delta throw checked ones that they don't declare
      LOG.warn("Not everything could be finished", e);
    }
    IllegalStateException failure = new IllegalStateException("Ending the job failed");
    closeParts(failure);
    ended.countDown();
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
  }

  private void awaitIdle() {
    long deadline =
        System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(AlchemistConf.DRAIN_TIMEOUT.in(conf));
    collector.collectAll(); // brings their reports
    while (fleet.members().stream().anyMatch(ContinualLearning::isBusy)
        && System.nanoTime() - deadline < 0) {
      try {
        TimeUnit.MILLISECONDS.sleep(IDLE_PAUSE_MILLIS); // between two questions to the executors
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
      collector.collectAll();
    }
  }

  private static boolean isBusy(Member member) {
    return member.state() != Member.State.LOST
        && member.state() != Member.State.FAILED
        && member.report().running() + member.report().waiting() > 0;
  }

  private void closeParts(Throwable collect) {
    for (AutoCloseable part : parts) {
      try {
        part.close();
      } catch (Exception e) {
        collect.addSuppressed(e);
      }
    }
    parts.clear();
  }

  /** Runs the job until it is told to end, as {@code spark-submit} does. Its settings come from Spark's configuration. */
  public static void main(String[] arguments) throws Exception {
    SparkSession spark = SparkSession.builder().appName("Alchemist").getOrCreate();
    try (ContinualLearning job = start(spark)) {
      job.closeOnShutdown();
      job.awaitTermination();
    } finally {
      spark.stop();
    }
  }
}
