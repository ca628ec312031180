package io.alchemist.engine;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import io.alchemist.train.NonFiniteGradientException;
import io.alchemist.train.Optimizer;
import io.alchemist.train.OptimizerConfig;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterTransfer;
import io.alchemist.weights.LoraSpec;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.OptimizerState;
import io.alchemist.weights.ParameterId;
import io.alchemist.weights.ParameterSet;
import io.alchemist.weights.Trainable;
import io.alchemist.weights.WeightSource;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Steps an adapter with gradients that engines have computed: one optimizer for all of them, where no model is. It begins with
 * the values that every engine begins with that has the same seed.
 *
 * <p>Works on the CPU, on the calling thread; used by one thread at a time.
 */
public final class AdapterOptimizer implements AutoCloseable {
  /** Values, gradient and two moments, with room for what allocation rounds up. */
  private static final int COPIES = 5;

  private static final long ROOM = 1 << 20;

  private final ModelConfig model;
  private final LoraSpec spec;
  private final Ops ops;
  private final Optimizer optimizer;
  private final ParameterSet gradient;

  /**
   * Starts where engines start.
   *
   * @param model the model's shape
   * @param trainable shape and seed of the adapter
   */
  public AdapterOptimizer(ModelConfig model, Trainable.Adapter trainable, OptimizerConfig config) {
    this.model = model;
    this.spec = trainable.spec();
    this.ops = CpuOps.create(1, COPIES * sizeBytes(model, trainable) + ROOM);
    WeightSource shapeOnly = new ShapeOnly(model);
    this.optimizer = new Optimizer(
        ops, ops.memory(), config, trainable.initialValues(ops, ops.memory(), shapeOnly));
    this.gradient = optimizer.values().zerosLike(ops, ops.memory(), "gradient");
  }

  private static long sizeBytes(ModelConfig model, Trainable trainable) {
    long bytes = 0;
    for (ParameterId id : trainable.parameters(model)) {
      // Each tensor takes whole pages.
      bytes +=
          (long) id.rows(model, trainable.rank()) * id.cols(model, trainable.rank()) * Float.BYTES
              + 4096;
    }
    return bytes;
  }

  /** The adapter as it is now. */
  public AdapterData adapter() {
    return AdapterTransfer.read(ops, spec, optimizer.values());
  }

  /** What goes with it. */
  public OptimizerState state() {
    return optimizer.state(spec);
  }

  /**
   * Goes on from an adapter and, where it is at hand, from the state that goes with it; else without history.
   *
   * @throws IllegalArgumentException when either is of another shape; nothing has changed then, if it is the adapter
   */
  public void restore(AdapterData adapter, @Nullable OptimizerState state) {
    optimizer.restart(values -> AdapterTransfer.write(ops, adapter, spec, model, values));
    if (state != null) {
      optimizer.restore(state, spec, model);
    }
  }

  /**
   * One update with the mean gradient.
   *
   * @param sum over all engines
   * @return the mean gradient's norm before clipping
   * @throws NonFiniteGradientException when it is not a number; nothing has changed then
   */
  public double step(HostGradient sum) {
    gradient.forEach((id, tensor) -> {
      float[] values = sum.values().get(id);
      if (values == null) {
        throw new IllegalArgumentException("The gradient has nothing for " + id
            + ": it was computed for an adapter of another shape than " + spec + ".");
      }
      ops.upload(values, tensor);
    });
    return optimizer.step(gradient, sum.report().weight());
  }

  @Override
  public void close() {
    gradient.close();
    optimizer.close();
    ops.close();
  }

  /** Tells the model's shape; an adapter begins without the model's weights. */
  private record ShapeOnly(ModelConfig config) implements WeightSource {
    @Override
    public void read(String name, long offset, FloatBuffer into) {
      throw new IllegalStateException("An adapter doesn't begin with the model's " + name);
    }
  }
}
