package io.alchemist.weights;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.HashMap;
import java.util.Map;

/**
 * The weights of a model without adapters, laid out for the back end. Immutable; shared by all versions that differ in their
 * adapter only, and freed when the last of them lets go. Engine thread.
 */
final class BaseWeights {
  private final MemoryScope scope;
  private final Map<ParameterId, Weight> matrices = new HashMap<>();
  private final Map<ParameterId, Tensor> gains = new HashMap<>();
  private int references = 1;

  private BaseWeights(MemoryScope scope) {
    this.scope = scope;
  }

  /** Reads all weights from a checkpoint. */
  static BaseWeights load(Ops ops, MemoryScope parent, WeightSource source) {
    BaseWeights base = new BaseWeights(parent.child("base weights"));
    try {
      for (ParameterId id : ParameterId.ofModel(source.config())) {
        try (Tensor rows = HostWeights.read(ops, base.scope, source, id)) {
          base.take(ops, id, rows);
        }
      }
      return base;
    } catch (RuntimeException e) {
      base.release();
      throw e;
    }
  }

  /** Lays out trained values; parameters that are not in {@code values} don't exist. */
  static BaseWeights of(Ops ops, MemoryScope parent, ParameterSet values) {
    BaseWeights base = new BaseWeights(parent.child("base weights"));
    try {
      values.forEach((id, tensor) -> base.take(ops, id, tensor));
      return base;
    } catch (RuntimeException e) {
      base.release();
      throw e;
    }
  }

  private void take(Ops ops, ParameterId id, Tensor rows) {
    switch (id.kind()) {
      case EMBEDDING, HEAD, WEIGHT -> matrices.put(id, ops.pack(rows, scope, id.toString()));
      case ATTENTION_NORM, FFN_NORM, FINAL_NORM -> {
        Tensor gain = scope.allocate(id.toString(), DType.F32, rows.rows(), rows.cols());
        gains.put(id, gain);
        ops.copy(rows, gain);
      }
      case LORA_A, LORA_B -> throw new IllegalArgumentException(id + " is not a base weight");
    }
  }

  Weight matrix(ParameterId id) {
    Weight weight = matrices.get(id);
    if (weight == null) {
      throw new IllegalArgumentException("The model has no " + id);
    }
    return weight;
  }

  Tensor gain(ParameterId id) {
    Tensor gain = gains.get(id);
    if (gain == null) {
      throw new IllegalArgumentException("The model has no " + id);
    }
    return gain;
  }

  BaseWeights retain() {
    references++;
    return this;
  }

  void release() {
    if (--references == 0) {
      matrices.values().forEach(Weight::close);
      gains.values().forEach(Tensor::close);
      scope.close();
    }
  }
}
