package io.alchemist.engine;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.train.GradientJob;
import io.alchemist.train.GradientReport;
import io.alchemist.train.GradientSum;
import io.alchemist.train.Optimizer;
import io.alchemist.train.Reuse;
import io.alchemist.train.Trainer;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterTransfer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.ParameterSource;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSource;
import io.alchemist.weights.WeightStore;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Learning on one engine: adds gradients up, steps, publishes. Engine thread. */
final class Learner implements AutoCloseable {
  private final Ops ops;
  private final MemoryScope scope;
  private final WeightStore store;
  private final ModelConfig model;
  private final Trainable trainable;
  private final Trainer trainer;
  private final Optimizer optimizer;
  private final GradientSum sum;
  /** The values of versions one can roll back to. */
  private final NavigableMap<Long, Map<ParameterId, float[]>> snapshots = new TreeMap<>();

  private final boolean keepsVersions;
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
      publish();
    }
  }

  Trainer trainer() {
    return trainer;
  }

  GradientSum sum() {
    return sum;
  }

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
    return accumulate(examples, Reuse.LOGGED).thenApply(report -> step());
  }

  CompletableFuture<GradientReport> accumulate(List<TrainingExample> examples, Reuse reuse) {
    return trainer.submit(new GradientJob(examples, reuse, sum));
  }

  /** The gradient of examples alone, in a sum of its own: whatever else is under way or fails has no part in it. */
  CompletableFuture<HostGradient> gradient(List<TrainingExample> examples, Reuse reuse) {
    GradientSum own = new GradientSum(sum.gradient().zerosLike(ops, scope, "gradient of a job"));
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
    try (ParameterSet values = optimizer.values().zerosLike(ops, scope, "draft")) {
      AdapterTransfer.write(ops, data, adapterConfig().spec(), model, values);
      store.stage(number, adapterConfig().spec(), values);
    }
  }

  void unstage(long number) {
    store.unstage(number);
  }

  /** Hands over what was added up and begins a new sum. */
  HostGradient takeGradient() {
    requireWholeSum();
    HostGradient taken = new HostGradient(hostCopy(sum.gradient()), sum.report());
    sum.clear(ops);
    return taken;
  }

  /** Steps with what was added up, publishes the new version and begins a new sum. */
  TrainingStep step() {
    requireWholeSum();
    GradientReport batch = sum.report();
    if (batch.examples() == 0) {
      throw new IllegalStateException(
          "No gradient has been added up since the last step; add examples first.");
    }
    try {
      double norm = optimizer.step(sum.gradient(), batch.weight());
      lastLoss = batch.meanLoss();
      steps++;
      return new TrainingStep(publish(), steps, batch, norm);
    } finally {
      sum.clear(ops);
    }
  }

  private void requireWholeSum() {
    if (trainer.isAddingTo(sum)) {
      throw new IllegalStateException("A training job is under way, so the gradient is not whole."
          + " Wait for the job's report first.");
    }
  }

  AdapterData adapter() {
    return AdapterTransfer.read(ops, adapterConfig().spec(), optimizer.values());
  }

  /** Takes over an adapter's values and publishes them. */
  long load(AdapterData data) {
    copyIn(data);
    return publish();
  }

  /** Likewise under a number that was given elsewhere. */
  void load(long version, AdapterData data) {
    store.checkNew(version);
    copyIn(data);
    published(store
        .publishAdapter(version, adapterConfig().spec(), optimizer.values())
        .version());
  }

  private void copyIn(AdapterData data) {
    requireWholeSum();
    AdapterTransfer.write(ops, data, adapterConfig().spec(), model, optimizer.values());
    optimizer.restart();
    sum.clear(ops);
  }

  private long publish() {
    return published(trainable.publish(store, optimizer.values()).version());
  }

  private long published(long version) {
    if (keepsVersions) {
      snapshots.put(version, hostCopy(optimizer.values()));
      snapshots.keySet().retainAll(store.versions());
    }
    return version;
  }

  private Map<ParameterId, float[]> hostCopy(ParameterSet set) {
    Map<ParameterId, float[]> copy = new TreeMap<>();
    set.forEach((id, tensor) -> copy.put(id, ops.read(tensor)));
    return copy;
  }

  /** Makes a kept version live again; training goes on from its values, and what was added up is dropped. */
  void rollBack(long version) {
    requireWholeSum();
    Map<ParameterId, float[]> values = snapshots.get(version);
    if (values == null && keepsVersions && store.versions().contains(version)) {
      throw new IllegalArgumentException(
          "Training can't go back to version " + version + ": its values are kept of "
              + snapshots.keySet() + " only. Roll back to one of these, or keep more versions.");
    }
    store.rollBack(version);
    if (values == null) {
      return; // without kept versions there is only the live one
    }
    values.forEach((id, from) -> ops.upload(from, optimizer.values().tensor(id)));
    optimizer.restart();
    sum.clear(ops);
  }

  /** The trained values of a whole model. */
  WeightSource wholeModel() {
    if (!(trainable instanceof Trainable.WholeModel)) {
      throw new IllegalStateException(
          "This engine trains an adapter: save that, the model's own weights are unchanged.");
    }
    return new ParameterSource(ops, model, optimizer.values());
  }

  private Trainable.Adapter adapterConfig() {
    if (trainable instanceof Trainable.Adapter adapter) {
      return adapter;
    }
    throw new IllegalStateException(
        "This engine trains the whole model and has no adapter: save the model instead.");
  }

  @Override
  public void close() {
    sum.close();
    optimizer.close();
  }
}
