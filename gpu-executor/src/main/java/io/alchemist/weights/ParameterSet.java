package io.alchemist.weights;

import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One F32 matrix for each of some parameters: the values that are trained, their gradient, or a moment of the optimizer. Owns
 * its tensors. Engine thread.
 */
public final class ParameterSet implements Parameters, AutoCloseable {
  private final Map<ParameterId, Tensor> tensors = new TreeMap<>();
  private final MemoryScope scope;

  private ParameterSet(MemoryScope scope) {
    this.scope = scope;
  }

  /** Zeros for each of {@code ids}. */
  public static ParameterSet zeros(
      Ops ops,
      MemoryScope parent,
      String name,
      Collection<ParameterId> ids,
      ModelConfig config,
      int rank) {
    ParameterSet set = new ParameterSet(parent.child(name));
    try {
      for (ParameterId id : ids) {
        Tensor tensor = set.scope.allocate(
            id.toString(), DType.F32, id.rows(config, rank), id.cols(config, rank));
        set.tensors.put(id, tensor);
        ops.fill(tensor, 0);
      }
      return set;
    } catch (RuntimeException e) {
      set.close();
      throw e;
    }
  }

  /** Zeros of the same shapes. */
  public ParameterSet zerosLike(Ops ops, MemoryScope parent, String name) {
    return zerosLike(ops, parent, name, id -> true);
  }

  /** Likewise, for those that are wanted. */
  public ParameterSet zerosLike(
      Ops ops, MemoryScope parent, String name, Predicate<ParameterId> wanted) {
    ParameterSet set = new ParameterSet(parent.child(name));
    try {
      tensors.forEach((id, tensor) -> {
        if (wanted.test(id)) {
          Tensor zeros = set.scope.allocate(id.toString(), DType.F32, tensor.rows(), tensor.cols());
          set.tensors.put(id, zeros);
          ops.fill(zeros, 0);
        }
      });
      return set;
    } catch (RuntimeException e) {
      set.close();
      throw e;
    }
  }

  /** The ids, in forward order. */
  public Set<ParameterId> ids() {
    return tensors.keySet();
  }

  @Override
  public @Nullable Tensor find(ParameterId id) {
    return tensors.get(id);
  }

  /** The matrix of a parameter in the set. */
  public Tensor tensor(ParameterId id) {
    Tensor tensor = tensors.get(id);
    if (tensor == null) {
      throw new IllegalArgumentException(id + " is not among the trained parameters");
    }
    return tensor;
  }

  public void forEach(BiConsumer<ParameterId, Tensor> action) {
    tensors.forEach(action);
  }

  /** All matrices cut into parts, in the order of the ids; the same for sets of the same shapes. */
  public List<ParameterPart> parts() {
    return tensors.entrySet().stream()
        .flatMap(entry -> ParameterPart.of(entry.getKey(), entry.getValue()).stream())
        .toList();
  }

  /** Sets every element to zero. */
  public void clear(Ops ops) {
    tensors.values().forEach(tensor -> ops.fill(tensor, 0));
  }

  public long sizeBytes() {
    return tensors.values().stream().mapToLong(Tensor::sizeBytes).sum();
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
    scope.close();
  }
}
