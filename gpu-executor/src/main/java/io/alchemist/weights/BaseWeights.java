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

  /** Begins with nothing: each weight is added, and then put. */
  static BaseWeights empty(MemoryScope parent) {
    return new BaseWeights(parent.child("base weights"));
  }

  /** Reads all weights from a checkpoint. */
  static BaseWeights load(Ops ops, MemoryScope parent, WeightSource source) {
    BaseWeights base = empty(parent);
    try {
      for (ParameterId id : ParameterId.ofModel(source.config())) {
        base.add(ops, source.config(), id);
        // Part by part: as they were stored, the largest would need their memory twice.
        for (ParameterPart part : ParameterPart.of(id, source.config())) {
          try (Tensor rows = HostWeights.read(ops, base.scope, source, part)) {
            base.put(ops, id, part.firstRow(), rows);
          }
        }
      }
      return base;
    } catch (RuntimeException e) {
      base.release();
      throw e;
    }
  }

  /** Takes the memory of a weight. */
  void add(Ops ops, ModelConfig config, ParameterId id) {
    int rows = id.rows(config, 0);
    int cols = id.cols(config, 0);
    switch (id.kind()) {
      case EMBEDDING, HEAD, WEIGHT ->
        matrices.put(id, ops.weight(rows, cols, scope, id.toString()));
      case ATTENTION_NORM, FFN_NORM, FINAL_NORM ->
        gains.put(id, scope.allocate(id.toString(), DType.F32, rows, cols));
      case LORA_A, LORA_B -> throw new IllegalArgumentException(id + " is not a base weight");
    }
  }

  /** Lays out rows of a weight that was added. */
  void put(Ops ops, ParameterId id, int firstRow, Tensor rows) {
    if (gains.containsKey(id)) {
      ops.copy(rows, gain(id).rows(firstRow, rows.rows()));
    } else {
      ops.pack(rows, matrix(id).slice(firstRow, rows.rows()));
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
