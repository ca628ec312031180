package io.alchemist.engine;

import io.alchemist.activation.ActivationRecorder;
import io.alchemist.activation.Retention;
import io.alchemist.activation.RetentionStats;
import io.alchemist.cache.ArenaHostTier;
import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.DeviceArena;
import io.alchemist.cache.DiskTier;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.Mover;
import io.alchemist.cache.PrefixTree;
import io.alchemist.metrics.Metrics;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.SavePlan;
import io.alchemist.model.Transformer;
import io.alchemist.serve.GenerationRequest;
import io.alchemist.serve.GenerationRequest.Recording;
import io.alchemist.serve.RequestException;
import io.alchemist.serve.Server;
import io.alchemist.serve.TokenListener;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Ops;
import io.alchemist.train.GradientReport;
import io.alchemist.train.Reuse;
import io.alchemist.train.Trainer;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.WeightSource;
import io.alchemist.weights.WeightStore;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves one model and trains it on the same device, from what serving recorded. Builds its parts in the order in which they
 * use each other, hands the device to the {@link EngineLoop}, and takes it back to close them in reverse.
 *
 * <p>Longer than most classes: it is the list of all that an engine can be asked for, a line or two each.
 *
 * <p>Thread-safe: everything is passed to the engine thread. Futures are completed on it, so what depends on one must not
 * block, nor wait for another or close the engine.
 */
public final class Engine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Engine.class);
  /** How long an engine may measure how fast it is. */
  private static final Duration CALIBRATION = Duration.ofSeconds(2);

  private final EngineConfig config;
  private final ModelConfig model;
  private final MemoryPlan plan;
  private final RecentTurns turns;
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();
  private final Ops ops;
  private final WeightStore store;
  private final DeviceArena arena;
  private final int kvTokens;
  private final PrefixTree tree;
  private final ActivationRecorder recorder;
  private final HostTier host;
  private final Mover mover;
  private final @Nullable Retention retention;
  private final StepBudget budget;
  private final Server server;
  private final @Nullable Learner learner;
  private final EngineLoop loop;
  private volatile EngineStatus lastStatus;
  private volatile boolean draining;
  private boolean closed;

  /**
   * Builds an engine with a host tier of its own, as configured, and starts its thread.
   *
   * @param ops the device; closed with the engine
   * @param source the weights to start from; read once, here
   * @throws io.alchemist.tensor.DeviceMemoryException when the memory plan doesn't add up
   */
  public Engine(EngineConfig config, Ops ops, WeightSource source, Metrics metrics) {
    this(config, ops, source, metrics, hostTier(config.cache(), ops));
  }

  /**
   * Builds an engine and starts its thread.
   *
   * @param ops the device; closed with the engine
   * @param source the weights to start from; read once, here
   * @param host where activations go that leave the device, whatever the configuration says of a host tier; closed with the
   *     engine, and when this constructor fails
   * @throws io.alchemist.tensor.DeviceMemoryException when the memory plan doesn't add up
   */
  public Engine(EngineConfig config, Ops ops, WeightSource source, Metrics metrics, HostTier host) {
    this.config = config;
    this.model = source.config();
    this.ops = ops;
    parts.push(ops);
    this.host = own(host);
    EngineMetrics engineMetrics = new EngineMetrics(metrics);
    try {
      this.plan = MemoryPlan.of(model, config);
      this.turns = new RecentTurns(config.keptTurns());
      CacheConfig cache = config.cache();
      this.arena = own(new DeviceArena(
          ops.memory(),
          DType.F32,
          model.layers(),
          model.kvDim(),
          cache.pageTokens(),
          cache.floorPages(),
          cache.sharedBytes()));
      KvPages kv = new KvPages(arena);
      this.kvTokens = (int) Math.min(Integer.MAX_VALUE, (long) kv.pageCount() * kv.pageSize());
      this.tree = new PrefixTree(kv, host);
      this.store =
          own(new WeightStore(ops, ops.memory(), source, config.keptVersions(), tree::dropVersion));
      Transformer transformer = own(new Transformer(ops, ops.memory(), model));
      this.recorder = new ActivationRecorder(
          arena,
          model,
          tree,
          recordedFields(),
          config.learning() == null ? SavePlan.A : config.learning().recorded());
      own(tree);
      BlockLayout layout = blockLayout(model);
      this.mover =
          own(new Mover(tree, host, layout, ops, Math.max(1, arena.activationLimitBytes() / 4)));
      this.retention = config.learning() == null
          ? null
          : new Retention(
              this::forwardSeconds, config.learning().recordFraction(), System::currentTimeMillis);
      this.budget = new StepBudget(config.latency(), config.scheduler().maxSequences());
      this.server = own(new Server(
          ops,
          ops.memory(),
          transformer,
          store,
          kv,
          tree,
          recorder,
          retention,
          config.scheduler(),
          config.endOfTurn(),
          (request, turn) -> {
            budget.ended(turn.id());
            if (request.recording() == Recording.KEEP) {
              turns.add(turn);
            }
          }));
      this.learner = config.learning() == null
          ? null
          : learner(config.learning(), source, transformer, kv, layout);
      this.loop = new EngineLoop(
          "alchemist-engine",
          server,
          learner,
          mover,
          arena,
          budget,
          engineMetrics,
          () -> refresh(engineMetrics));
      this.lastStatus = statusNow();
    } catch (RuntimeException | Error e) {
      closeParts(e);
      throw e;
    }
    engineMetrics.follow(this);
    LOG.info("Engine ready on {}: {}", ops.description(), plan);
    loop.start();
  }

  private Learner learner(
      LearningConfig learning,
      WeightSource source,
      Transformer transformer,
      KvPages kv,
      BlockLayout layout) {
    Trainer trainer = own(new Trainer(
        ops,
        ops.memory(),
        transformer,
        store,
        tree,
        kv,
        host,
        layout,
        learning.trainer(),
        trained(learning),
        this::wake));
    return own(new Learner(
        ops, ops.memory(), learning, source, store, trainer, config.keptVersions() > 0));
  }

  /** What a prompt's activations save: seconds, or as long as these aren't known tokens, which serve as well to compare. */
  private double forwardSeconds(int from, int count) {
    double seconds = learner == null ? Double.NaN : learner.trainer().forwardSeconds(from, count);
    return Double.isNaN(seconds) ? count : seconds;
  }

  private void wake() {
    loop.wake();
  }

  private void refresh(EngineMetrics engineMetrics) {
    tree.revalue();
    EngineStatus now = statusNow();
    lastStatus = now;
    engineMetrics.count(now);
  }

  private static HostTier hostTier(CacheConfig cache, Ops ops) {
    if (cache.hostBytes() == 0) {
      return HostTier.none();
    }
    try {
      DiskTier disk = cache.diskDirectory() == null || cache.diskBytes() == 0
          ? null
          : new DiskTier(cache.diskDirectory(), cache.diskBytes());
      return new ArenaHostTier(cache.hostBytes(), disk, ops::hostBuffer);
    } catch (RuntimeException | Error e) {
      ops.close();
      throw e;
    }
  }

  private Set<ParameterId> trained(LearningConfig learning) {
    return Set.copyOf(learning.trainable().parameters(model));
  }

  /** What backward reads of prompts, by layer; nothing where nothing is learnt. */
  private List<Set<Field>> recordedFields() {
    LearningConfig learning = config.learning();
    Set<ParameterId> parameters = learning == null ? Set.of() : trained(learning);
    return BackwardNeeds.promptFields(BackwardNeeds.ofLayers(model, parameters));
  }

  private static BlockLayout blockLayout(ModelConfig model) {
    Activations.Field[] fields = Activations.Field.values();
    int[] rowBytes = new int[fields.length];
    for (int i = 0; i < fields.length; i++) {
      rowBytes[i] = fields[i].width(model) * fields[i].type(DType.F32).sizeBytes();
    }
    return new BlockLayout(rowBytes, model.kvDim() * DType.F32.sizeBytes());
  }

  private <T extends AutoCloseable> T own(T part) {
    parts.push(part);
    return part;
  }

  /** The model's shape. */
  public ModelConfig model() {
    return model;
  }

  /** The device, in words. */
  public String description() {
    return ops.description();
  }

  /** How memory is split. */
  public MemoryPlan memoryPlan() {
    return plan;
  }

  /** The last turns. */
  public RecentTurns turns() {
    return turns;
  }

  // ---- serving

  /**
   * Starts a completion.
   *
   * @return done once the request is queued; fails with {@link RequestException} when it is refused later than by this call
   * @throws RequestException when it is malformed, too long, or the engine is draining
   */
  public CompletableFuture<Void> generate(GenerationRequest request, TokenListener listener) {
    if (draining) {
      throw new RequestException(
          RequestException.Kind.UNAVAILABLE,
          "draining",
          null,
          "This engine is shutting down and takes no more requests; send it to another.");
    }
    Server.check(request, model.maxPositions(), model.vocabSize(), kvTokens);
    return loop.call(() -> {
      server.submit(request, listener);
      return null;
    });
  }

  /** Tokens that an answer can have at most after a prompt of that length; at least one. */
  public int longestAnswer(int promptTokens) {
    return Math.max(1, Math.min(model.maxPositions(), kvTokens) - promptTokens);
  }

  /** Ends a completion early. Does nothing when it has ended. */
  public void cancel(String id) {
    CompletableFuture<Void> unused = loop.call(() -> {
      server.cancel(id);
      return null;
    });
  }

  // ---- training

  /** Takes note that there is feedback on a turn, of whatever kind: by it the engine learns whose activations are worth keeping. */
  public void noteFeedback(String turnId) {
    if (retention == null) {
      return;
    }
    CompletableFuture<Void> unused = loop.call(() -> {
      retention.feedback(turnId);
      return null;
    });
  }

  /**
   * Measures how fast this device computes the parts of a training pass, by gradients of made-up examples that change nothing,
   * so that the planner's first choices are as good as later ones. Keeps the engine's thread for two seconds at most: to be called
   * before it serves.
   */
  public CompletableFuture<Void> calibrate() {
    return loop.call(() -> {
      learning().calibrate(CALIBRATION.toNanos());
      return null;
    });
  }

  /** When examples have been trained on, their turns need not be kept any longer. */
  private <T> CompletableFuture<T> letGo(
      List<TrainingExample> examples, CompletableFuture<T> training) {
    return training.whenComplete((done, failure) -> {
      for (TrainingExample example : examples) {
        String turnId = example.turnId();
        if (failure == null && turnId != null && retention != null) {
          retention.trained(turnId);
        }
      }
    });
  }

  /** Adds the gradient of examples to the sum that the next {@link #step} uses; runs between serving's steps. */
  public CompletableFuture<GradientReport> accumulate(List<TrainingExample> examples, Reuse reuse) {
    return begun(() -> letGo(examples, learning().accumulate(examples, reuse)));
  }

  /**
   * Updates the weights with the mean gradient and publishes them. Like everything in training this runs in slices between
   * serving's steps, which go on with the version before. Until it has ended, no other step, {@link #takeGradient},
   * {@link #publish} or {@link #rollBack} is taken on.
   */
  public CompletableFuture<TrainingStep> step() {
    return begun(() -> learning().step());
  }

  /**
   * Checks whether an example can be trained on here.
   *
   * @throws IllegalArgumentException when it is too long, or has a token that the model doesn't know
   */
  public void check(TrainingExample example) {
    learning().trainer().check(example);
  }

  /** {@link #accumulate} with what was logged and {@link #step} in one, so that nothing else comes between. */
  public CompletableFuture<TrainingStep> train(List<TrainingExample> examples) {
    return begun(() -> letGo(examples, learning().train(examples)));
  }

  /**
   * The gradient of examples on its own, e.g. to be summed over engines: apart from the sum of {@link #accumulate}, so that
   * nothing else that is trained, or fails, has a part in it.
   */
  public CompletableFuture<HostGradient> gradient(List<TrainingExample> examples, Reuse reuse) {
    return begun(() -> letGo(examples, learning().gradient(examples, reuse)));
  }

  /** The loss of examples without its gradient, each at its version, which may be a draft. */
  public CompletableFuture<GradientReport> loss(List<TrainingExample> examples) {
    return begun(() -> learning().loss(examples));
  }

  /**
   * Keeps an adapter as a draft: gradients and losses can be taken at it by its number, and no request is served with it.
   *
   * @param number below -1 and not in use
   */
  public CompletableFuture<Void> stage(long number, AdapterData adapter) {
    return loop.call(() -> {
      learning().stage(number, adapter);
      return null;
    });
  }

  /** Lets a draft go, once nobody computes at it any more. */
  public CompletableFuture<Void> unstage(long number) {
    return loop.call(() -> {
      learning().unstage(number);
      return null;
    });
  }

  /** Hands over the gradient added up so far and begins a new sum. */
  public CompletableFuture<HostGradient> takeGradient() {
    return loop.call(() -> learning().takeGradient());
  }

  /** The adapter as trained so far, the step under way included. */
  public CompletableFuture<AdapterData> adapter() {
    return begun(() -> learning().adapter());
  }

  /** The whole model as trained so far, the step under way included; for engines that train all of it. */
  public CompletableFuture<WeightSource> trainedModel() {
    return begun(() -> learning().wholeModel());
  }

  /**
   * Publishes an adapter from elsewhere under the version it has there.
   *
   * @param version above all that this engine has had
   */
  public CompletableFuture<Void> publish(long version, AdapterData adapter) {
    return loop.call(() -> {
      learning().load(version, adapter);
      lastStatus = statusNow(); // whoever waits for this must not be told of the version before
      return null;
    });
  }

  /** Publishes an adapter from elsewhere; training goes on from it. */
  public CompletableFuture<Long> publish(AdapterData adapter) {
    return loop.call(() -> learning().load(adapter));
  }

  private Learner learning() {
    if (learner == null) {
      throw new IllegalStateException(
          "This engine only serves: it was started without learning. Start it with an adapter to train.");
    }
    return learner;
  }

  // ---- versions

  /** The version that new requests get. */
  public CompletableFuture<Long> liveVersion() {
    return loop.call(() -> store.live().version());
  }

  /** The versions at hand, oldest first. */
  public CompletableFuture<List<Long>> versions() {
    return loop.call(store::versions);
  }

  /** Makes a kept version live again; requests under way go on with theirs, training goes on from its values. */
  public CompletableFuture<Void> rollBack(long version) {
    return loop.call(() -> {
      if (learner == null) {
        store.rollBack(version);
      } else {
        learner.rollBack(version);
      }
      return null;
    });
  }

  /** How everything is now. */
  public CompletableFuture<EngineStatus> status() {
    return loop.call(this::statusNow);
  }

  /** Drops all keys, values and activations; fails while requests are served, which use them. */
  public CompletableFuture<Void> clearCache() {
    return loop.call(() -> {
      if (server.hasWork()) {
        throw new IllegalStateException("Requests are being served, with keys and values that"
            + " would be dropped. Clear the cache when they have ended.");
      }
      tree.retainVersions(Set.of());
      return null;
    });
  }

  /**
   * Copies recorded activations to the host, what is worth most first, until no more than {@code keepBytes} are left on the
   * device, or nothing more can be copied; what has a copy leaves the device. Goes on while others are served; ask again until
   * the result is small enough, but not for ever: a host tier that is too small drops some to take others.
   *
   * @return bytes of activations on the device now
   */
  public CompletableFuture<Long> offload(long keepBytes) {
    return loop.call(() -> {
      mover.balance(keepBytes, keepBytes);
      long unused = tree.evictCopied(tree.deviceActivationBytes() - keepBytes);
      return tree.deviceActivationBytes();
    });
  }

  /** Starts new measurements of the peaks in {@link #status}. */
  public CompletableFuture<Void> resetPeaks() {
    return loop.call(() -> {
      ops.memory().resetPeak();
      if (learner != null) {
        learner.trainer().memory().resetPeak();
      }
      return null;
    });
  }

  /** How everything was a moment ago, without asking the engine thread. */
  public EngineStatus lastStatus() {
    return lastStatus;
  }

  private EngineStatus statusNow() {
    return new EngineStatus(
        store.live().version(),
        store.versions(),
        server.stats(),
        tree.stats(),
        mover.stats(),
        arena.sizeBytes(),
        arena.kvBytes(),
        arena.activationBytes(),
        recorder.refusedRows(),
        host.usedBytes(),
        host.diskBytes(),
        ops.memory().usedBytes(),
        ops.memory().peakBytes(),
        learner == null ? 0 : learner.jobs(),
        learner == null ? 0 : learner.trainer().memory().peakBytes(),
        learner == null ? GradientReport.NOTHING : learner.trainer().total(),
        learner == null ? 0 : learner.steps(),
        learner == null ? Double.NaN : learner.lastLoss(),
        budget.times(),
        retention == null ? RetentionStats.NOTHING : retention.stats());
  }

  /** Runs something on the engine thread with its parts; for this package's tests and benchmarks. */
  <T> CompletableFuture<T> inspect(Function<Engine, T> action) {
    return loop.call(() -> action.apply(this));
  }

  /** What the engine thread begins by an action, when that has ended. */
  @SuppressWarnings("FutureReturnValueIgnored") // the inner one becomes the result
  private <T> CompletableFuture<T> begun(Callable<CompletableFuture<T>> action) {
    return loop.call(action).thenCompose(result -> result);
  }

  WeightStore store() {
    return store;
  }

  PrefixTree tree() {
    return tree;
  }

  DeviceArena arena() {
    return arena;
  }

  Mover mover() {
    return mover;
  }

  EngineConfig config() {
    return config;
  }

  HostTier host() {
    return host;
  }

  Ops ops() {
    return ops;
  }

  @Nullable
  Learner learner() {
    return learner;
  }

  // ---- the end

  /** Takes no more requests from now on; those under way go on. */
  public void drain() {
    draining = true;
  }

  /** Why the engine has given up, or null while it runs. */
  public @Nullable String failure() {
    return loop.failure();
  }

  /** Whether {@link #drain} was called. */
  public boolean isDraining() {
    return draining;
  }

  /** Stops the thread and gives everything back; requests and jobs under way end with an error. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    draining = true;
    loop.close();
    IllegalStateException failure = new IllegalStateException("Closing the engine failed");
    closeParts(failure);
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
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

  /** Waits for a call's result, unwrapping what made it fail. */
  public static <T> T await(CompletableFuture<T> result) {
    try {
      return result.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while waiting for the engine", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("The engine failed", e.getCause());
    }
  }
}
