package io.alchemist.train;

import io.alchemist.tensor.AdamWStep;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.AdapterTransfer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.OptimizerState;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterPart;
import io.alchemist.weights.ParameterSet;
import java.util.List;
import java.util.function.Consumer;

/** AdamW with clipping by the gradient's norm. Owns the trained values and both moments. Engine thread. */
public final class Optimizer implements AutoCloseable {
  /** Of a slice that sums squares: one number is read of each. */
  private static final int NORM_ELEMENTS = 1 << 22;
  /** Of one that updates, which reads and writes several. */
  private static final int UPDATE_ELEMENTS = 1 << 20;

  private final Ops ops;
  private final OptimizerConfig config;
  private final ParameterSet values;
  private final ParameterSet firstMoment;
  private final ParameterSet secondMoment;
  private final Tensor squares;
  private int steps;
  private boolean halfUpdated;

  /** Starts from {@code values}, which it owns from now on. */
  public Optimizer(Ops ops, MemoryScope scope, OptimizerConfig config, ParameterSet values) {
    this.ops = ops;
    this.config = config;
    this.values = values;
    this.firstMoment = values.zerosLike(ops, scope, "first moment");
    this.secondMoment = values.zerosLike(ops, scope, "second moment");
    this.squares = scope.allocate("gradient norm", DType.F32, 1, 1);
  }

  /**
   * The trained values as they are now.
   *
   * @throws IllegalStateException when a step has updated a part of them only
   */
  public ParameterSet values() {
    requireWhole();
    return values;
  }

  private void requireWhole() {
    if (halfUpdated) {
      throw new IllegalStateException("A step has updated a part of the values only."
          + " Wait for its end; if it has failed, roll back.");
    }
  }

  /** Updates made since the start or {@link #restart}. */
  public int steps() {
    return steps;
  }

  /**
   * Begins an update with the mean gradient, {@code gradient / weight}. One at a time.
   *
   * @param weight the sum of the examples' weights
   * @param follower is with it at each part
   */
  public Step begin(ParameterSet gradient, double weight, Follower follower) {
    requireWhole();
    return new Step(gradient, weight, follower);
  }

  /**
   * Likewise, at once and with nobody following.
   *
   * @return the norm of the mean before clipping
   * @throws NonFiniteGradientException when it is not a number; nothing has changed then
   */
  public double step(ParameterSet gradient, double weight) {
    Step step = begin(gradient, weight, Follower.NOBODY);
    while (!step.isDone()) {
      step.runSlice();
    }
    return step.norm();
  }

  /** Goes along with a step through all parts of the parameters, twice. */
  public interface Follower {
    /** For a step by itself. */
    Follower NOBODY = new Follower() {
      @Override
      public void prepare(ParameterPart part) {}

      @Override
      public void updated(ParameterPart part, Tensor values) {}
    };

    /** Before any part is updated, so that a failure leaves all as it was. */
    void prepare(ParameterPart part);

    /** When a part has these values. */
    void updated(ParameterPart part, Tensor values);
  }

  /**
   * An update in slices: first the gradient's norm, over all parts, then the parts. Between two of them anything may happen that
   * leaves gradient and values alone; so it may be broken off before the first part is updated. A step that failed is not gone on
   * with.
   */
  public final class Step {
    private final ParameterSet gradient;
    private final double weight;
    private final Follower follower;
    private final PartWalk squaring;
    private final PartWalk updating;
    private double norm;

    private Step(ParameterSet gradient, double weight, Follower follower) {
      this.gradient = gradient;
      this.weight = weight;
      this.follower = follower;
      List<ParameterPart> parts = values.parts();
      this.squaring = new PartWalk(parts, NORM_ELEMENTS);
      this.updating = new PartWalk(parts, UPDATE_ELEMENTS);
      ops.fill(squares, 0);
    }

    public boolean isDone() {
      return updating.isDone();
    }

    /** What the next slice does. */
    public UpdateKind nextSlice() {
      return squaring.isDone() ? UpdateKind.UPDATE : UpdateKind.NORM;
    }

    /** Elements of the parameters that the next slice goes through. */
    public int nextElements() {
      return (squaring.isDone() ? updating : squaring).nextElements();
    }

    /** The norm of the mean gradient before clipping, once parts are updated. */
    public double norm() {
      return norm;
    }

    /**
     * Runs one slice.
     *
     * @throws NonFiniteGradientException when the norm is not a number; nothing has changed then
     */
    public void runSlice() {
      if (squaring.isDone()) {
        update();
      } else {
        squaring.runSlice(part -> {
          follower.prepare(part);
          ops.addSquares(part.of(gradient), squares);
        });
        if (squaring.isDone()) {
          norm = Math.sqrt(ops.read(squares)[0]) / weight;
          if (!Double.isFinite(norm)) {
            throw new NonFiniteGradientException(steps + 1);
          }
        }
      }
    }

    private void update() {
      if (!halfUpdated) {
        halfUpdated = true;
        steps++;
      }
      AdamWStep decayed = adamW(config.weightDecay());
      AdamWStep plain = adamW(0);
      updating.runSlice(part -> {
        Tensor value = part.of(values);
        ops.adamW(
            value,
            part.of(gradient),
            part.of(firstMoment),
            part.of(secondMoment),
            isGain(part.id()) ? plain : decayed);
        follower.updated(part, value);
      });
      halfUpdated = !updating.isDone();
    }

    private AdamWStep adamW(float weightDecay) {
      double clip =
          config.clipNorm() > 0 && norm > config.clipNorm() ? config.clipNorm() / norm : 1;
      return new AdamWStep(
          config.learningRate().at(steps),
          config.beta1(),
          config.beta2(),
          config.epsilon(),
          weightDecay,
          steps,
          (float) (clip / weight));
    }
  }

  /**
   * Begins anew from other values: no moments, no steps.
   *
   * @param copyIn copies all of them; may refuse, if it has changed nothing
   */
  public void restart(Consumer<ParameterSet> copyIn) {
    copyIn.accept(values);
    firstMoment.clear(ops);
    secondMoment.clear(ops);
    steps = 0;
    halfUpdated = false;
  }

  /** What is remembered between two steps, copied to the host. */
  public OptimizerState state(LoraSpec spec) {
    return new OptimizerState(
        steps,
        AdapterTransfer.read(ops, spec, firstMoment),
        AdapterTransfer.read(ops, spec, secondMoment));
  }

  /**
   * Goes on from a state; the values that go with it are copied into {@link #values} by the caller.
   *
   * @throws IllegalArgumentException when it is of another shape
   */
  public void restore(OptimizerState state, LoraSpec spec, ModelConfig config) {
    AdapterTransfer.write(ops, state.firstMoment(), spec, config, firstMoment);
    AdapterTransfer.write(ops, state.secondMoment(), spec, config, secondMoment);
    steps = state.steps();
  }

  private static boolean isGain(ParameterId id) {
    return switch (id.kind()) {
      case ATTENTION_NORM, FFN_NORM, FINAL_NORM -> true;
      case EMBEDDING, HEAD, WEIGHT, LORA_A, LORA_B -> false;
    };
  }

  @Override
  public void close() {
    squares.close();
    secondMoment.close();
    firstMoment.close();
    values.close();
  }
}
