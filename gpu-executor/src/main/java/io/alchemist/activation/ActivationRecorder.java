package io.alchemist.activation;

import io.alchemist.cache.PrefixTree;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import org.jspecify.annotations.Nullable;

/**
 * Gives the forward pass of a prefill step the memory that will be kept, so that recording costs no pass of its own: each
 * layer writes its activations once, where they stay. Engine thread.
 */
public final class ActivationRecorder implements AutoCloseable {
  private final MemoryScope scope;
  private final ModelConfig config;
  private final PrefixTree tree;
  private long refusedRows;

  /**
   * Records into at most {@code limitBytes} of device memory.
   *
   * @param tree gives up older activations when the limit is reached
   */
  public ActivationRecorder(
      MemoryScope parent, ModelConfig config, PrefixTree tree, long limitBytes) {
    this.scope = parent.child("activations", limitBytes);
    this.config = config;
    this.tree = tree;
  }

  /** Memory for the activations of a step of {@code rows} rows, all layers; null when there is no room for them. */
  public @Nullable Slab slab(int rows) {
    long needed = Activations.bytesPerRow(config) * rows * config.layers();
    long missing = needed - (scope.limitBytes() - scope.usedBytes());
    if (missing > 0 && needed <= scope.limitBytes()) {
      tree.evictActivations(missing);
    }
    if (needed > scope.limitBytes() - scope.usedBytes()) {
      refusedRows += rows;
      return null;
    }
    Tensor[][] tensors = new Tensor[config.layers()][];
    for (int layer = 0; layer < tensors.length; layer++) {
      try {
        tensors[layer] = Activations.allocate(scope, config, rows).fields();
      } catch (DeviceMemoryException e) { // the device is fuller than the limit promised
        for (int done = 0; done < layer; done++) {
          Activations.of(tensors[done]).close();
        }
        refusedRows += rows;
        return null;
      }
    }
    return new Slab(tensors);
  }

  /** One layer of a slab. */
  public static Activations layer(Slab slab, int layer) {
    Tensor[] fields = new Tensor[slab.fields()];
    for (int i = 0; i < fields.length; i++) {
      fields[i] = slab.field(layer, i);
    }
    return Activations.of(fields);
  }

  /** Rows that were not recorded for want of memory. */
  public long refusedRows() {
    return refusedRows;
  }

  /** Device bytes in use. */
  public long usedBytes() {
    return scope.usedBytes();
  }

  public long limitBytes() {
    return scope.limitBytes();
  }

  @Override
  public void close() {
    scope.close();
  }
}
