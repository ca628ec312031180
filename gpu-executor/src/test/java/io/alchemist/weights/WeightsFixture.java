package io.alchemist.weights;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.cpu.CpuOps;
import java.util.EnumSet;

/** A device and a small model on it. */
final class WeightsFixture implements AutoCloseable {
  static final ModelConfig MODEL =
      new ModelConfig("llama", 20, 8, 2, 2, 1, 4, 12, 1e-5f, RopeConfig.plain(10_000), 16, true);
  static final LoraSpec SPEC = new LoraSpec(2, 4, EnumSet.of(LinearLayer.Q, LinearLayer.DOWN));

  final Ops ops = CpuOps.create(1, 4 << 20);

  /** An adapter's values, each element {@code value}; the caller closes them. */
  ParameterSet values(LoraSpec spec, float value) {
    ParameterSet values = ParameterSet.zeros(
        ops, ops.memory(), "values", ParameterId.ofAdapter(MODEL, spec), MODEL, spec.rank());
    values.forEach((id, tensor) -> ops.fill(tensor, value));
    return values;
  }

  @Override
  public void close() {
    ops.close();
  }
}
