package io.alchemist.engine;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.train.GradientJob;
import io.alchemist.train.GradientReport;
import io.alchemist.train.GradientSum;
import io.alchemist.train.Optimizer;
import io.alchemist.train.Reuse;
import io.alchemist.train.Slice;
import io.alchemist.train.Trainer;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterTransfer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.NewVersion;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.ParameterSource;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSource;
import io.alchemist.weights.WeightStore;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Learning on one engine: adds gradients up, steps, publishes. Runs in slices, those of a step before those of any job; until a
 * step has ended, whoever asks for the values waits, and whoever would change them or the sum is refused. A step for whose version
 * there is no memory yet, because requests at old ones have not ended, waits for these, and meanwhile only jobs with a sum of
 * their own go on. Engine thread.
 */
final class Learner implements AutoCloseable {
  private final Ops ops;
  private final MemoryScope scope;
  private final WeightStore store;
  private final ModelConfig model;
  private final Trainable trainable;
  private final Trainer trainer;
  private final Optimizer optimizer;
  private final GradientSum sum;
  /** The values of versions one can roll back to, one array a part. */
  private final NavigableMap<Long, List<float[]>> snapshots = new TreeMap<>();

  private final boolean keepsVersions;
  private @Nullable Update update;
  private double lastLoss = Double.NaN;
  private int steps;

  Learner(
      Ops ops,
      MemoryScope scope,
      LearningConfig config,
      WeightSource source,
      WeightStore store,
      Trainer trainer,
      boolean keepsVersions) {
    this.ops = ops;
    this.scope = scope;
    this.store = store;
    this.model = source.config();
    this.trainable = config.trainable();
    this.trainer = trainer;
    this.keepsVersions = keepsVersions;
    ParameterSet values = trainable.initialValues(ops, scope, source);
    this.optimizer = new Optimizer(ops, scope, config.optimizer(), values);
    this.sum = new GradientSum(values.zerosLike(ops, scope, "gradient"));
    if (trainable instanceof Trainable.Adapter) {
      // Requests must be served with the adapter in place, or what they log has no gradient for it.
      publish(store.nextVersion());
    }
  }

  Trainer trainer() {
    return trainer;
  }

  GradientSum sum() {
    return sum;
  }

  // ---- slices

  /** Jobs queued or under way, with the step if there is one. */
  int jobs() {
    return trainer.jobs() + (update == null ? 0 : 1);
  }

  /** Whether {@link #runSlice} has something to do and would not wait for the host. */
  boolean isReady() {
    return readyUpdate() != null
        || (trainer.isReady() && !(update != null && trainer.addsNextTo(sum)));
  }

  /** The step whose slice is next, if there is one and it has room. */
  private @Nullable Update readyUpdate() {
    return update != null && (update.hasBegun() || store.hasRoomFor(trainable)) ? update : null;
  }

  /** What the next slice does. */
  Slice nextSlice() {
    Update next = readyUpdate();
    return next == null ? trainer.nextSlice() : next.nextSlice();
  }

  /** Rows that the next slice computes; of a step, elements. */
  int nextRows() {
    Update next = readyUpdate();
    return next == null ? trainer.rows() : next.nextElements();
  }

  /** Runs one slice. What fails is told to whoever waits for it. */
  void runSlice() {
    Update running = readyUpdate();
    if (running == null) {
      trainer.runSlice();
    } else if (running.runSlice()) {
      update = null;
      end(running);
    }
  }

  private void end(Update ended) {
    Throwable failure = ended.failure();
    if (failure == null) {
      try {
        ended.done().complete(publish(ended));
        return;
      } catch (RuntimeException | Error e) { // whoever waits must be told, whatever it was
        failure = e;
      }
    }
    ended.close();
    ended.done().completeExceptionally(failure);
  }

  private TrainingStep publish(Update made) {
    long version = store.nextVersion();
    made.next().publish(version);
    keep(version, made.copy());
    lastLoss = made.batch().meanLoss();
    steps++;
    return new TrainingStep(version, steps, made.batch(), made.gradientNorm());
  }

  // ---- what one can ask for

  /** Updates made. */
  int steps() {
    return steps;
  }

  /** Mean loss of the last update's batch; not a number before the first. */
  double lastLoss() {
    return lastLoss;
  }

  /** See {@link Trainer#calibrate}. */
  void calibrate(long limitNanos) {
    try (GradientSum thrownAway =
        new GradientSum(sum.gradient().zerosLike(ops, scope, "gradient thrown away"))) {
      trainer.calibrate(limitNanos, thrownAway);
    }
  }

  /** Adds the gradient of examples up and steps as soon as that is done, before anything else is added. */
  CompletableFuture<TrainingStep> train(List<TrainingExample> examples) {
    return accumulate(examples, Reuse.LOGGED).thenCompose(report -> step());
  }

  CompletableFuture<GradientReport> accumulate(List<TrainingExample> examples, Reuse reuse) {
    return trainer.submit(new GradientJob(examples, reuse, sum));
  }

  /** The gradient of examples alone, in a sum of its own: whatever else is under way or fails has no part in it. */
  CompletableFuture<HostGradient> gradient(List<TrainingExample> examples, Reuse reuse) {
    GradientSum own =
        GradientSum.whenWanted(() -> sum.gradient().zerosLike(ops, scope, "gradient of a job"));
    CompletableFuture<GradientReport> report;
    try {
      report = trainer.submit(new GradientJob(examples, reuse, own));
    } catch (RuntimeException e) {
      own.close();
      throw e;
    }
    return report.handle((done, failure) -> {
      try {
        if (failure != null) {
          throw new CompletionException(failure);
        }
        return new HostGradient(hostCopy(own.gradient()), done);
      } finally {
        own.close();
      }
    });
  }

  /** The loss of examples, each at its version. */
  CompletableFuture<GradientReport> loss(List<TrainingExample> examples) {
    return trainer.submit(new GradientJob(examples, Reuse.LOGGED, null));
  }

  /** Keeps an adapter as a draft. */
  void stage(long number, AdapterData data) {
    try (ParameterSet values = sum.gradient().zerosLike(ops, scope, "draft")) {
      AdapterTransfer.write(ops, data, adapterConfig().spec(), model, values);
      store.stage(number, adapterConfig().spec(), values);
    }
  }

  void unstage(long number) {
    store.unstage(number);
  }

  /** Hands over what was added up and begins a new sum. */
  HostGradient takeGradient() {
    requireNothingUnderWay();
    HostGradient taken = new HostGradient(hostCopy(sum.gradient()), sum.report());
    sum.clear(ops);
    return taken;
  }

  /** Steps with what was added up, publishes the new version and begins a new sum; in slices, which come next. */
  CompletableFuture<TrainingStep> step() {
    requireNothingUnderWay();
    if (sum.report().examples() == 0) {
      throw new IllegalStateException(
          "No gradient has been added up since the last step; add examples first.");
    }
    Update begun = new Update(ops, optimizer, sum, trainable, store, keepsVersions);
    update = begun;
    return begun.done();
  }

  private void requireNothingUnderWay() {
    if (update != null) {
      throw new IllegalStateException("A step is under way, which uses the gradient and changes"
          + " the values. Wait for its result first.");
    }
    if (trainer.isAddingTo(sum)) {
      throw new IllegalStateException("A training job is under way, so the gradient is not whole."
          + " Wait for the job's report first.");
    }
  }

  CompletableFuture<AdapterData> adapter() {
    LoraSpec spec = adapterConfig().spec();
    return whole(() -> AdapterTransfer.read(ops, spec, optimizer.values()));
  }

  /** Reads values when the step under way has ended, however it did. */
  private <T> CompletableFuture<T> whole(Supplier<T> read) {
    return update == null
        ? CompletableFuture.completedFuture(read.get())
        : update.done().handle((step, failure) -> read.get());
  }

  /** Takes over an adapter's values and publishes them. */
  long load(AdapterData data) {
    long version = store.nextVersion();
    load(version, data);
    return version;
  }

  /** Likewise under a number that was given elsewhere. */
  void load(long version, AdapterData data) {
    store.checkNew(version);
    copyIn(data);
    publish(version);
  }

  private void copyIn(AdapterData data) {
    requireNothingUnderWay();
    if (!store.hasRoomFor(trainable)) {
      throw new IllegalStateException("There are " + store.versions().size()
          + " versions, for there are requests at old ones, and memory for no more. Publish this one"
          + " again when some of them have ended.");
    }
    LoraSpec spec = adapterConfig().spec();
    optimizer.restart(values -> AdapterTransfer.write(ops, data, spec, model, values));
    sum.clear(ops);
  }

  /** Publishes the values as they are, at once. */
  private void publish(long version) {
    ParameterSet values = optimizer.values();
    try (NewVersion next = trainable.newVersion(store)) {
      next.putAll(values);
      next.publish(version);
    }
    List<float[]> copy = keepsVersions
        ? values.parts().stream().map(part -> ops.read(part.of(values))).toList()
        : List.of();
    keep(version, copy);
  }

  private void keep(long version, List<float[]> copy) {
    if (keepsVersions) {
      snapshots.put(version, copy);
      snapshots.keySet().retainAll(store.versions());
    }
  }

  private Map<ParameterId, float[]> hostCopy(ParameterSet set) {
    Map<ParameterId, float[]> copy = new TreeMap<>();
    set.forEach((id, tensor) -> copy.put(id, ops.read(tensor)));
    return copy;
  }

  /** Makes a kept version live again; training goes on from its values, and what was added up is dropped. */
  void rollBack(long version) {
    requireNothingUnderWay();
    List<float[]> copy = snapshots.get(version);
    if (copy == null && keepsVersions && store.versions().contains(version)) {
      throw new IllegalArgumentException(
          "Training can't go back to version " + version + ": its values are kept of "
              + snapshots.keySet() + " only. Roll back to one of these, or keep more versions.");
    }
    store.rollBack(version);
    if (copy == null) {
      return; // without kept versions there is only the live one
    }
    optimizer.restart(values -> {
      Iterator<float[]> from = copy.iterator();
      values.parts().forEach(part -> ops.upload(from.next(), part.of(values)));
    });
    sum.clear(ops);
  }

  /** The trained values of a whole model. */
  CompletableFuture<WeightSource> wholeModel() {
    if (!(trainable instanceof Trainable.WholeModel)) {
      throw new IllegalStateException(
          "This engine trains an adapter: save that, the model's own weights are unchanged.");
    }
    return whole(() -> new ParameterSource(ops, model, optimizer.values()));
  }

  private Trainable.Adapter adapterConfig() {
    if (trainable instanceof Trainable.Adapter adapter) {
      return adapter;
    }
    throw new IllegalStateException(
        "This engine trains the whole model and has no adapter: save the model instead.");
  }

  /** Ends what is under way or waits, with an error for those who wait for it. */
  void abort(String why) {
    try {
      abortUpdate(why);
    } finally {
      trainer.abort(new IllegalStateException(why));
    }
  }

  private void abortUpdate(String why) {
    Update running = update;
    if (running != null) {
      update = null;
      running.done().completeExceptionally(new IllegalStateException(why));
      running.close();
    }
  }

  @Override
  public void close() {
    abortUpdate("The engine was closed before this step was made");
    sum.close();
    optimizer.close();
  }
}
