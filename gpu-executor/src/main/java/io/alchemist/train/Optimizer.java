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
import io.alchemist.weights.ParameterSet;

/** AdamW with clipping by the gradient's norm. Owns the trained values and both moments. Engine thread. */
public final class Optimizer implements AutoCloseable {
  private final Ops ops;
  private final OptimizerConfig config;
  private final ParameterSet values;
  private final ParameterSet firstMoment;
  private final ParameterSet secondMoment;
  private final Tensor squares;
  private int steps;

  /** Starts from {@code values}, which it owns from now on. */
  public Optimizer(Ops ops, MemoryScope scope, OptimizerConfig config, ParameterSet values) {
    this.ops = ops;
    this.config = config;
    this.values = values;
    this.firstMoment = values.zerosLike(ops, scope, "first moment");
    this.secondMoment = values.zerosLike(ops, scope, "second moment");
    this.squares = scope.allocate("gradient norm", DType.F32, 1, 1);
  }

  /** The trained values as they are now. */
  public ParameterSet values() {
    return values;
  }

  /** Updates made since the start or {@link #restart}. */
  public int steps() {
    return steps;
  }

  /**
   * The norm of {@code gradient / weight}.
   *
   * @param weight the sum of the examples' weights
   */
  public double gradientNorm(ParameterSet gradient, double weight) {
    ops.fill(squares, 0);
    gradient.forEach((id, tensor) -> ops.addSquares(tensor, squares));
    return Math.sqrt(ops.read(squares)[0]) / weight;
  }

  /**
   * Updates the values with the mean gradient, {@code gradient / weight}.
   *
   * @return the norm of that mean before clipping
   * @throws NonFiniteGradientException when it is not a number; nothing has changed then
   */
  public double step(ParameterSet gradient, double weight) {
    double norm = gradientNorm(gradient, weight);
    if (!Double.isFinite(norm)) {
      throw new NonFiniteGradientException(steps + 1);
    }
    steps++;
    double clip = config.clipNorm() > 0 && norm > config.clipNorm() ? config.clipNorm() / norm : 1;
    AdamWStep decayed = new AdamWStep(
        config.learningRate().at(steps),
        config.beta1(),
        config.beta2(),
        config.epsilon(),
        config.weightDecay(),
        steps,
        (float) (clip / weight));
    AdamWStep plain = new AdamWStep(
        decayed.learningRate(),
        decayed.beta1(),
        decayed.beta2(),
        decayed.epsilon(),
        0,
        steps,
        decayed.gradientScale());
    values.forEach((id, value) -> ops.adamW(
        value,
        gradient.tensor(id),
        firstMoment.tensor(id),
        secondMoment.tensor(id),
        isGain(id) ? plain : decayed));
    return norm;
  }

  /** Begins anew from other values, which were copied into {@link #values}: no moments, no steps. */
  public void restart() {
    firstMoment.clear(ops);
    secondMoment.clear(ops);
    steps = 0;
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
