package io.alchemist.weights;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.tensor.Weight;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The adapter of one version, laid out for the back end. Immutable. Engine thread. */
final class LoraAdapter implements AutoCloseable {
  private final LoraSpec spec;
  private final MemoryScope scope;
  private final Map<ParameterId, Weight> matrices = new TreeMap<>();

  private LoraAdapter(LoraSpec spec, MemoryScope scope) {
    this.spec = spec;
    this.scope = scope;
  }

  /** Begins with nothing: each matrix is added, and then put. */
  static LoraAdapter empty(MemoryScope parent, LoraSpec spec) {
    return new LoraAdapter(spec, parent.child("adapter"));
  }

  /** Takes the memory of a matrix. */
  void add(Ops ops, ModelConfig config, ParameterId id) {
    matrices.put(
        id,
        ops.weight(
            id.rows(config, spec.rank()), id.cols(config, spec.rank()), scope, id.toString()));
  }

  /** Lays out rows of a matrix that was added. */
  void put(Ops ops, ParameterId id, int firstRow, Tensor rows) {
    Weight matrix = matrices.get(id);
    if (matrix == null) {
      throw new IllegalArgumentException("The adapter has no " + id);
    }
    ops.pack(rows, matrix.slice(firstRow, rows.rows()));
  }

  LoraSpec spec() {
    return spec;
  }

  Linear.@Nullable Lora find(int layer, LinearLayer linear) {
    Weight a = matrices.get(ParameterId.loraA(layer, linear));
    Weight b = matrices.get(ParameterId.loraB(layer, linear));
    return a == null || b == null ? null : new Linear.Lora(a, b, spec.scale());
  }

  @Override
  public void close() {
    matrices.values().forEach(Weight::close);
    scope.close();
  }
}
