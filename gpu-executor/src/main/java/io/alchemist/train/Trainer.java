package io.alchemist.train;

import io.alchemist.activation.CostModel;
import io.alchemist.activation.CostModel.Amount;
import io.alchemist.activation.CostModel.Work;
import io.alchemist.activation.LoggedReader;
import io.alchemist.activation.LoggedRows;
import io.alchemist.activation.LostActivationsException;
import io.alchemist.activation.SavePlanner;
import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.PrefixTree;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.model.CrossEntropy;
import io.alchemist.model.SavePlan;
import io.alchemist.model.Transformer;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.RaggedBatch;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.WeightSet;
import io.alchemist.weights.WeightStore;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes gradients and losses in slices of one layer of one micro-batch. Whoever drives it decides when a slice may run; in between, the
 * device belongs to serving. Jobs run one after the other.
 *
 * <p>The gradient of an example is taken at the version that served it where that is still at hand (exact, if delayed),
 * from what was logged at it; else at the live version, forwarded anew.
 *
 * <p>Longer than most classes: a job and its passes use nearly all that the trainer holds, so they live inside it.
 *
 * <p>Engine thread, but for {@link #check}.
 */
public final class Trainer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

  /** Rows of a slice of backward: short enough for a prompt that comes meanwhile, long enough for fast products. */
  private static final int SLICE_ROWS = 512;
  /** Where weights are trained, each slice reads and writes their gradients as a whole: fewer, longer ones. */
  private static final int WEIGHT_SLICE_ROWS = 1024;

  private static final int[] CALIBRATION_TOKENS = {32, 32, 96, 256, 768};
  /** Sizes of copies from the host, by which the link is measured: of a few rows of a field, and of many. */
  private static final int[] LINK_ELEMENTS = {1 << 12, 1 << 16, 1 << 20};

  private static final int LINK_COPIES = 3;
  /** What a pass of calibration counts for, once it is over, beside those that follow. */
  private static final double COLD_SHARE = 0.05;

  private final Ops ops;
  private final MemoryScope scope;
  private final Transformer model;
  private final WeightStore store;
  private final PrefixTree tree;
  private final KvPages pages;
  private final HostTier host;
  private final BlockLayout layout;
  private final TrainerConfig config;
  private final Runnable onReady;
  private final List<BackwardNeeds> needs;
  private final CostModel costs;
  private final SavePlanner planner;
  private final int sliceRows;
  private final CrossEntropy crossEntropy;
  private final ExecutorService loader = Executors.newSingleThreadExecutor(task -> {
    Thread thread = new Thread(task, "alchemist-activation-loader");
    thread.setDaemon(true);
    return thread;
  });
  private final Queue<Job> queue = new ArrayDeque<>();
  private GradientReport total = GradientReport.NOTHING;
  private @Nullable Job current;

  /**
   * Prepares memory for passes.
   *
   * @param trained the parameters that get a gradient
   * @param onReady called on any thread when a slice that had to wait for the host may now run
   */
  public Trainer(
      Ops ops,
      MemoryScope parent,
      Transformer model,
      WeightStore store,
      PrefixTree tree,
      KvPages pages,
      HostTier host,
      BlockLayout layout,
      TrainerConfig config,
      Set<ParameterId> trained,
      Runnable onReady) {
    this.ops = ops;
    this.scope = parent.child("trainer");
    this.model = model;
    this.store = store;
    this.tree = tree;
    this.pages = pages;
    this.host = host;
    this.layout = layout;
    this.config = config;
    this.onReady = onReady;
    this.needs = BackwardNeeds.ofLayers(model.config(), trained);
    this.costs = new CostModel(model.config());
    boolean weightsTrained = trained.stream().anyMatch(id -> id.kind() == ParameterId.Kind.WEIGHT);
    this.sliceRows = weightsTrained ? WEIGHT_SLICE_ROWS : SLICE_ROWS;
    this.planner = new SavePlanner(costs, model.config(), layout, needs, sliceRows, host::isOnDisk);
    this.crossEntropy = new CrossEntropy(ops, scope, config.maxLogits());
  }

  /**
   * Queues a job.
   *
   * @return the report of this job's examples, when their gradient has been added
   * @throws IllegalArgumentException when an example is too long or has a token that the model doesn't know
   * @throws IllegalStateException when too many jobs wait
   */
  public CompletableFuture<GradientReport> submit(GradientJob job) {
    for (TrainingExample example : job.examples()) {
      check(example);
    }
    if (queue.size() >= config.maxQueuedJobs()) {
      throw new IllegalStateException(queue.size()
          + " training jobs wait already, which is the limit. Wait for one to finish.");
    }
    Job queued = new Job(job);
    queue.add(queued);
    return queued.done;
  }

  /**
   * Checks an example; any thread.
   *
   * @throws IllegalArgumentException when it is too long or has a token that the model doesn't know
   */
  public void check(TrainingExample example) {
    int most = Math.min(config.microBatchTokens(), model.config().maxPositions());
    if (example.inputLength() > most) {
      throw new IllegalArgumentException(
          "Example '" + example.id() + "' has " + example.inputLength()
              + " tokens, the trainer holds " + most
              + " in one pass. Shorten it, or raise the trainer's micro-batch (the model's context is "
              + model.config().maxPositions() + ").");
    }
    for (int token : example.tokens()) {
      if (token < 0 || token >= model.config().vocabSize()) {
        throw new IllegalArgumentException("Example '" + example.id() + "' has token " + token
            + ", the vocabulary ends at " + model.config().vocabSize()
            + ". Was it written with another tokenizer?");
      }
    }
  }

  /** Whether any job is queued or under way. */
  public boolean hasWork() {
    return current != null || !queue.isEmpty();
  }

  /** Whether {@link #runSlice} would not wait for the host. */
  public boolean isReady() {
    return hasWork() && (current == null || current.pass == null || current.pass.isReady());
  }

  /** What the next slice does. */
  public SliceKind nextSlice() {
    return current == null || current.pass == null ? SliceKind.PLAN : current.pass.nextSlice();
  }

  /** Rows that the next slice computes; while a pass is planned, the most it can have. */
  public int rows() {
    if (current == null || current.pass == null) {
      return config.microBatchTokens();
    }
    return current.pass.nextRows();
  }

  /**
   * Seconds that it should take to forward positions of a prompt again, all layers; not a number as long as nothing has been
   * trained.
   */
  public double forwardSeconds(int from, int count) {
    if (!costs.isKnown()) {
      return Double.NaN;
    }
    // Not as a pass of its own: without what is the same for any number of rows.
    Amount more = new Amount(count, 0, RaggedBatch.pairs(from, count), 0);
    return model.config().layers() * costs.seconds(Work.FORWARD, more);
  }

  /**
   * Learns what the parts of a pass cost: the link to the host from a few copies, the rest from gradients of made-up examples that
   * are thrown away, longer ones as long as time is left. Before anything else is submitted; what is trained later refines it.
   *
   * @param limitNanos about how long it may take; a pass that has begun is broken off then
   * @param zeros where the gradients go
   */
  public void calibrate(long limitNanos, GradientSum zeros) {
    long start = System.nanoTime();
    measureLink();
    int longest = Math.min(config.microBatchTokens(), model.config().maxPositions()) - 1;
    for (int tokens : CALIBRATION_TOKENS) {
      int length = Math.min(tokens, longest);
      int[] prompt = new int[length - length / 8];
      Arrays.setAll(prompt, i -> i % model.config().vocabSize());
      int[] answer = Arrays.copyOf(prompt, length / 8 + 1);
      TrainingExample example =
          TrainingExample.completion("calibration", prompt, answer, TrainingExample.LIVE);
      Job job = new Job(new GradientJob(List.of(example), Reuse.NONE, zeros));
      try {
        for (boolean done = false; !done; ) {
          if (System.nanoTime() - start > limitNanos) {
            return;
          }
          done = job.runSlice();
        }
      } finally {
        job.abandon();
      }
      // Slower than it will be: the code is not yet warm.
      costs.fade(COLD_SHARE);
      // The next one is longer by more than that.
      if (length == longest || 4 * (System.nanoTime() - start) > limitNanos) {
        return;
      }
    }
  }

  private void measureLink() {
    for (int elements : LINK_ELEMENTS) {
      try (HostBuffer from = ops.hostBuffer((long) Float.BYTES * elements);
          Tensor to = scope.allocate("probe of the link", DType.F32, 1, elements)) {
        // The first time the memory is touched, which is no matter of the link.
        ops.copies().upload(from, 0, to, ops.fence()).await();
        for (int i = 0; i < LINK_COPIES; i++) {
          long start = System.nanoTime();
          ops.copies().upload(from, 0, to, ops.fence()).await();
          costs.observeLoad(from.sizeBytes(), System.nanoTime() - start);
        }
      }
    }
  }

  /** Jobs queued or under way. */
  public int jobs() {
    return queue.size() + (current == null ? 0 : 1);
  }

  /** All jobs done so far whose gradient was wanted, together. */
  public GradientReport total() {
    return total;
  }

  /** Device memory that passes take now, and the most they took. */
  public MemoryScope memory() {
    return scope;
  }

  /** Whether a job that adds to that sum has begun and not ended: the sum may hold a part of its gradient. */
  public boolean isAddingTo(GradientSum sum) {
    return current != null && current.job.into() == sum;
  }

  /** Whether the next slice may add to that sum. */
  public boolean addsNextTo(GradientSum sum) {
    Job next = current == null ? queue.peek() : current;
    return next != null && next.job.into() == sum;
  }

  /**
   * Runs one slice. A job that fails completes its future with the reason and leaves the trainer usable. If it had added
   * something already, its sum begins anew: a part of a gradient can't be taken out again.
   */
  public void runSlice() {
    Job job = current;
    if (job == null) {
      job = queue.poll();
      if (job == null) {
        return;
      }
      current = job;
    }
    long start = System.nanoTime();
    boolean finished;
    try {
      finished = job.runSlice();
    } catch (RuntimeException | Error e) {
      current = null;
      try {
        job.abandon();
        GradientSum sum = job.job.into();
        if (job.hasAdded && sum != null) {
          sum.clear(ops);
        }
      } finally {
        job.done.completeExceptionally(e);
      }
      return;
    }
    job.took(System.nanoTime() - start);
    if (finished) {
      current = null;
      GradientReport report = job.finish();
      GradientSum sum = job.job.into();
      if (sum != null) {
        sum.add(report);
        total = total.plus(report);
      }
      job.done.complete(report);
    }
  }

  /** Ends all jobs, with an error for those who wait for them. Their sums may hold a part of a gradient. */
  public void abort(RuntimeException why) {
    // Those who wait are told first, whatever giving the memory back runs into.
    Job running = current;
    current = null;
    if (running != null) {
      running.done.completeExceptionally(why);
    }
    for (Job job : queue) {
      job.done.completeExceptionally(why);
    }
    queue.clear();
    if (running != null) {
      running.abandon();
    }
  }

  @Override
  public void close() {
    abort(new IllegalStateException("The engine was closed before this training job ran"));
    loader.shutdown();
    crossEntropy.close();
    scope.close();
  }

  /** A job and how far it is. */
  private final class Job {
    private final GradientJob job;
    private final CompletableFuture<GradientReport> done = new CompletableFuture<>();
    private GradientReport report = GradientReport.NOTHING;
    private long forwardNanos;
    private long backwardNanos;
    private long predictedNanos;
    private SliceKind kind = SliceKind.PLAN;
    private @Nullable Packer packer;
    private Packer.@Nullable Pack pack;
    private @Nullable MicroBatchPass pass;
    private @Nullable MicroBatch batch;
    private @Nullable MemoryScope passScope;
    private @Nullable LoggedReader reader;
    private @Nullable WeightSet weights;
    private @Nullable PassGradient gradient;
    /** Of passes that broke off and begin again; pinned until the job ends. */
    private final List<WeightSet> begun = new ArrayList<>();

    private boolean hasAdded;

    Job(GradientJob job) {
      this.job = job;
    }

    /** Whether that was the last slice. */
    boolean runSlice() {
      if (packer == null) {
        packer = new Packer(tree, config.microBatchTokens(), job, Trainer.this::versionFor);
      }
      MicroBatchPass running = pass;
      if (running == null) {
        kind = SliceKind.PLAN;
        // A slice of its own: what the first layer reads is being loaded meanwhile.
        begin(packer.next());
        return false;
      }
      kind = running.nextSlice();
      try {
        running.runSlice();
      } catch (LostActivationsException e) {
        LOG.info("{}; the micro-batch starts again without it", e.getMessage());
        Packer.Pack again = pack;
        PassGradient.Joined joined =
            gradient == null ? PassGradient.Joined.NOTHING : gradient.joined();
        if (weights != null) {
          // The rest of the gradient must be taken at the same version, so that may not go
          // meanwhile.
          begun.add(weights);
          weights = null;
        }
        abandonPass();
        tree.forgetHostCopy(e.logged());
        if (again != null) {
          packer.again(again, joined);
        }
        return false;
      }
      if (!running.isDone()) {
        return false;
      }
      complete(running);
      return packer.isEmpty();
    }

    private void begin(Packer.Pack next) {
      pack = next;
      WeightSet pinned = store.pin(next.version());
      if (pinned == null) {
        throw new IllegalStateException(
            "Version " + next.version() + " went away while a job used it");
      }
      weights = pinned;
      Planned planned = plan(next, job.reuse().own());
      batch = planned.batch();
      if (job.into() != null) {
        predictedNanos += (long) (planned.choice().seconds() * 1e9);
      }
      MemoryScope memory = scope.child("pass");
      passScope = memory;
      LoggedReader logged = new LoggedReader(
          ops,
          memory,
          model.config(),
          pages,
          host,
          layout,
          planned.logged(),
          needs,
          planned.choice().load(),
          loader,
          onReady);
      reader = logged;
      GradientSum sum = job.into();
      // The host may lose a block in the middle of the pass, which then begins again.
      gradient = sum == null
          ? null
          : new PassGradient(
              ops,
              memory,
              sum.gradient(),
              model.config().layers(),
              logged.readsHost(),
              next.joined());
      pass = new MicroBatchPass(
          ops,
          memory,
          model,
          needs,
          costs,
          job.reuse().own(),
          pinned,
          planned.batch(),
          sliceRows,
          logged,
          gradient,
          crossEntropy);
    }

    private void complete(MicroBatchPass finished) {
      MicroBatch trained = batch;
      if (trained == null) {
        throw new IllegalStateException("A pass without a micro-batch");
      }
      double weight = 0;
      for (float w : trained.lossWeights()) {
        weight += Math.abs(w);
      }
      report = report.plus(new GradientReport(
          trained.examples().size(),
          finished.loss(),
          weight,
          trained.predictingRows(),
          trained.reusedTokens(),
          trained.recomputedTokens(),
          trained.rows(),
          1,
          0,
          0,
          0));
      finished.close();
      pass = null;
      release();
    }

    private void release() {
      if (gradient != null) {
        hasAdded |= gradient.hasAdded();
        gradient.close();
        gradient = null;
      }
      if (passScope != null) {
        passScope.close();
        passScope = null;
      }
      reader = null;
      unpin();
    }

    private void unpin() {
      if (pack != null) {
        pack.close();
        pack = null;
      }
      if (weights != null) {
        store.unpin(weights);
        weights = null;
      }
      batch = null;
    }

    private void abandonPass() {
      if (pass != null) {
        pass.close();
        pass = null;
      }
      release();
    }

    /** Gives everything back, whatever state a failure left it in: the memory of a pass goes with its scope. */
    void abandon() {
      LoggedReader loading = reader;
      MemoryScope memory = passScope;
      PassGradient added = gradient;
      reader = null;
      passScope = null;
      gradient = null;
      pass = null;
      hasAdded |= added != null && added.hasAdded();
      try {
        if (loading != null) {
          loading.stop();
        }
      } finally {
        if (memory != null) {
          memory.discard();
        }
        unpin();
        unpinBegun();
      }
    }

    private void unpinBegun() {
      begun.forEach(store::unpin);
      begun.clear();
    }

    GradientReport finish() {
      unpinBegun();
      return report.withTimes(forwardNanos, backwardNanos, predictedNanos);
    }

    /** Books the time of the slice that has just run. */
    void took(long nanos) {
      if (kind == SliceKind.PLAN || kind == SliceKind.FORWARD) {
        forwardNanos += nanos;
      } else {
        backwardNanos += nanos;
      }
    }
  }

  /** The rows of a pass, and what of the host it reads. */
  private record Planned(MicroBatch batch, List<LoggedRows> logged, SavePlanner.Choice choice) {}

  /**
   * Reads from the host what is worth it: all of it by the planner's choice, or nothing where computing is faster and the rows
   * fit, of which there may be more: stretches that examples share are rows of each of them if they are not next to each other.
   */
  private Planned plan(Packer.Pack pack, SavePlan own) {
    Planned all = planned(MicroBatch.plan(pack.examples(), pack.coverages()), own);
    if (Double.isNaN(all.choice().seconds())
        || all.logged().stream().allMatch(LoggedRows::onDevice)) {
      return all;
    }
    Planned deviceOnly = planned(
        MicroBatch.plan(pack.examples(), pack.coverages(), logged -> logged.slab() != null), own);
    boolean fits = deviceOnly.batch().rows() <= config.microBatchTokens();
    return fits && !planner.decideToReadHost(all.choice(), deviceOnly.choice()) ? deviceOnly : all;
  }

  private Planned planned(MicroBatch batch, SavePlan own) {
    List<LoggedRows> logged = batch.logged().stream()
        .map(s -> new LoggedRows(
            s.logged(), s.run().from(), s.run().count(), s.slots(), s.run().firstRow()))
        .toList();
    Piece.Kinds kinds = Piece.Kinds.alike(s -> !logged.get(s).onDevice());
    SavePlanner.Choice choice = planner.choose(new SavePlanner.Pass(
        batch.forward(false),
        batch.forward(true),
        batch.loss(),
        batch.backward(false, Piece.count(batch, false, sliceRows, kinds)),
        batch.backward(true, Piece.count(batch, true, sliceRows, kinds)),
        own,
        logged));
    return new Planned(batch, logged, choice);
  }

  /** The version at which an example's gradient is taken. */
  private long versionFor(TrainingExample example) {
    WeightSet served = store.pin(example.version());
    if (served == null && example.version() < TrainingExample.LIVE) {
      throw new IllegalStateException("Example '" + example.id() + "' is to be taken at draft "
          + example.version() + ", which is not staged. Stage it first, and let it go afterwards.");
    }
    if (served == null) {
      return store.live().version();
    }
    try {
      return sameShape(served) ? served.version() : store.live().version();
    } finally {
      store.unpin(served);
    }
  }

  /** A version without the live one's adapter has no gradient for it. */
  private boolean sameShape(WeightSet served) {
    LoraSpec wanted = store.live().lora();
    return wanted == null ? served.lora() == null : wanted.equals(served.lora());
  }
}
