package io.alchemist.engine;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.train.GradientReport;
import io.alchemist.train.GradientSum;
import io.alchemist.train.Optimizer;
import io.alchemist.train.PartWalk;
import io.alchemist.train.UpdateKind;
import io.alchemist.weights.NewVersion;
import io.alchemist.weights.ParameterPart;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightStore;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One step of a {@link Learner} in slices, so that serving, with the version before, waits for one slice at most. Each part of
 * the parameters is laid out for the new version as soon as it is updated. Last, whatever became of the step, the sum of the
 * gradient goes back to zero.
 *
 * <p>All that may well fail, the gradient's norm and the new version's memory, comes before the first value changes. Engine thread.
 */
final class Update implements Optimizer.Follower, AutoCloseable {
  private static final int CLEARED_ELEMENTS = 1 << 22;

  private final Ops ops;
  private final GradientSum sum;
  private final GradientReport batch;
  private final NewVersion next;
  private final boolean keepsCopy;
  private final List<float[]> copy = new ArrayList<>();
  private final Optimizer.Step step;
  private final PartWalk clearing;
  private final CompletableFuture<TrainingStep> done = new CompletableFuture<>();
  private boolean begun;
  private @Nullable Throwable failure;

  /**
   * Begins a step with what was added up.
   *
   * @param store where the new version goes
   * @param keepsCopy whether {@link #copy} is wanted
   */
  Update(
      Ops ops,
      Optimizer optimizer,
      GradientSum sum,
      Trainable trainable,
      WeightStore store,
      boolean keepsCopy) {
    this.ops = ops;
    this.sum = sum;
    this.batch = sum.report();
    this.keepsCopy = keepsCopy;
    this.step = optimizer.begin(sum.gradient(), batch.weight(), this);
    this.next = trainable.newVersion(store); // after what may refuse
    this.clearing = new PartWalk(sum.gradient().parts(), CLEARED_ELEMENTS);
  }

  /** Completed by the {@link Learner}, when all is done. */
  CompletableFuture<TrainingStep> done() {
    return done;
  }

  GradientReport batch() {
    return batch;
  }

  /** Whether it has run a slice, and so taken memory for the new version. */
  boolean hasBegun() {
    return begun;
  }

  /** What the next slice does. */
  UpdateKind nextSlice() {
    return isStepping() ? step.nextSlice() : UpdateKind.CLEAR;
  }

  /** Elements of the parameters that the next slice goes through. */
  int nextElements() {
    return isStepping() ? step.nextElements() : clearing.nextElements();
  }

  private boolean isStepping() {
    return failure == null && !step.isDone();
  }

  /** Whether that was the last slice. */
  boolean runSlice() {
    begun = true;
    if (isStepping()) {
      try {
        step.runSlice();
      } catch (RuntimeException | Error e) {
        failure = e;
      }
      return false;
    }
    clearing.runSlice(part -> ops.fill(part.of(sum.gradient()), 0));
    if (clearing.isDone()) {
      sum.restart();
    }
    return clearing.isDone();
  }

  @Override
  public void prepare(ParameterPart part) {
    next.prepare(part);
  }

  @Override
  public void updated(ParameterPart part, Tensor values) {
    next.put(part, values);
    if (keepsCopy) {
      copy.add(ops.read(values));
    }
  }

  /** Why the step was not made, or null. */
  @Nullable
  Throwable failure() {
    return failure;
  }

  /** The new version; laid out, when all is done. */
  NewVersion next() {
    return next;
  }

  /** The new values, one array a part. */
  List<float[]> copy() {
    return copy;
  }

  double gradientNorm() {
    return step.norm();
  }

  /** Breaks the step off: a version that was not published is given back. */
  @Override
  public void close() {
    next.close();
  }
}
