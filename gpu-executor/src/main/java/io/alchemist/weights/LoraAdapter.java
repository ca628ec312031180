package io.alchemist.weights;

import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
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

  static LoraAdapter of(Ops ops, MemoryScope parent, LoraSpec spec, ParameterSet values) {
    LoraAdapter adapter = new LoraAdapter(spec, parent.child("adapter"));
    try {
      values.forEach(
          (id, tensor) -> adapter.matrices.put(id, ops.pack(tensor, adapter.scope, id.toString())));
      return adapter;
    } catch (RuntimeException e) {
      adapter.close();
      throw e;
    }
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
