package io.alchemist.weights;

import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A version that is being laid out, part by part, with any time between. Nobody sees it before it is published; closed before
 * that, it gives its memory back. Engine thread.
 */
public final class NewVersion implements AutoCloseable {
  private final Ops ops;
  private final WeightStore store;
  private final BaseWeights base;
  /** What is laid out; where it is null, the base weights are. */
  private final @Nullable LoraAdapter adapter;

  private boolean taken;

  NewVersion(Ops ops, WeightStore store, BaseWeights base, @Nullable LoraAdapter adapter) {
    this.ops = ops;
    this.store = store;
    this.base = base;
    this.adapter = adapter;
  }

  /** Takes the memory that a part will need; to be called for each, in order, before any is put. */
  public void prepare(ParameterPart part) {
    if (part.firstRow() > 0) {
      return; // that of the whole matrix was taken for its first rows
    }
    if (adapter == null) {
      base.add(ops, store.config(), part.id());
    } else {
      adapter.add(ops, store.config(), part.id());
    }
  }

  /** Lays out a part's rows. */
  public void put(ParameterPart part, Tensor rows) {
    if (adapter == null) {
      base.put(ops, part.id(), part.firstRow(), rows);
    } else {
      adapter.put(ops, part.id(), part.firstRow(), rows);
    }
  }

  /** Lays out all parts at once. */
  public void putAll(ParameterSet values) {
    values.parts().forEach(part -> {
      prepare(part);
      put(part, part.of(values));
    });
  }

  /** Makes it live, under a number above all before. */
  public WeightSet publish(long version) {
    store.checkNew(version);
    return store.publish(take(version));
  }

  /** The weights, which belong to the caller from now on. */
  WeightSet take(long number) {
    WeightSet set = new WeightSet(number, store.config(), base, adapter);
    taken = true;
    return set;
  }

  @Override
  public void close() {
    if (taken) {
      return;
    }
    taken = true;
    if (adapter != null) {
      adapter.close();
    }
    base.release();
  }
}
