package io.alchemist.activation;

import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.Logged;
import io.alchemist.model.Activations;
import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.DeviceMemoryException;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads from the host tier to the device. A block that several loads read is taken from the tier once: it may have to come from a
 * disk.
 *
 * <p>Engine thread, but for the loads, which run one after the other.
 */
final class HostLoads implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HostLoads.class);

  private final Ops ops;
  private final HostTier host;
  private final BlockLayout layout;
  private final Executor loader;
  private final Runnable onLoaded;
  private final Queue<Measured> measured = new ConcurrentLinkedQueue<>();
  /** Loads to come, by block. Written before the first of them starts, then by the loader only. */
  private final Map<Long, Integer> expected = new HashMap<>();
  /** Blocks in use. The loader's. */
  private final Map<Long, HostBlock> held = new HashMap<>();

  /** What has run: a load from the host's memory, or a block's being read from disk. */
  private record Measured(boolean fromDisk, long bytes, long nanos) {}

  /** See {@link LoggedReader}. */
  HostLoads(Ops ops, HostTier host, BlockLayout layout, Executor loader, Runnable onLoaded) {
    this.ops = ops;
    this.host = host;
    this.layout = layout;
    this.loader = loader;
    this.onLoaded = onLoaded;
  }

  /** Rows of a block, as the engine thread knew it; either keys and values or activations. */
  static final class Load {
    private final Logged logged;
    private final long blockId;
    private final int mask;
    private final int row;
    /** Of the block, fixed while it is on the host. */
    private final int count;

    private final @Nullable Tensor keys;
    private final @Nullable Tensor values;
    private final @Nullable Activations to;

    private Load(
        Logged logged,
        int layer,
        int from,
        @Nullable Tensor keys,
        @Nullable Tensor values,
        @Nullable Activations to) {
      this.logged = logged;
      this.blockId = logged.onHost() ? logged.hostBlockId(layer) : -1;
      this.mask = logged.onHost() ? logged.hostFieldMask(layer) : 0;
      this.row = logged.row(from);
      this.count = logged.count();
      this.keys = keys;
      this.values = values;
      this.to = to;
    }
  }

  /** Keys and values of all rows of a stretch. */
  static Load keysAndValues(LoggedRows rows, int layer, Tensor keys, Tensor values) {
    return new Load(rows.logged(), layer, rows.from(), keys, values, null);
  }

  /**
   * Some activations of some rows of a stretch, as many as there are in the tensors.
   *
   * @param from first row, counted from the stretch's first
   * @param to a tensor for each field that is loaded
   */
  static Load activations(LoggedRows rows, int layer, int from, Activations to) {
    return new Load(rows.logged(), layer, rows.from() + from, null, null, to);
  }

  /** One more load will read this block, which is held until the last has. */
  void expect(Logged logged, int layer) {
    if (logged.onHost()) {
      expected.merge(logged.hostBlockId(layer), 1, Integer::sum);
    }
  }

  /** Begins to load, after all that was asked of the device so far: it may still read what is overwritten. */
  CompletableFuture<Void> start(List<Load> loads) {
    Fence after = ops.fence();
    CompletableFuture<Void> loaded = CompletableFuture.runAsync(() -> load(loads, after), loader);
    CompletableFuture<Void> unused = loaded.whenComplete((done, failed) -> onLoaded.run());
    return loaded;
  }

  private void load(List<Load> loads, Fence after) {
    Fence last = after;
    long start = System.nanoTime();
    long bytes = 0;
    boolean fromDisk = false;
    try {
      for (Load load : loads) {
        boolean onDisk = !held.containsKey(load.blockId) && host.isOnDisk(load.blockId);
        long before = System.nanoTime();
        HostBuffer from = block(load).buffer();
        if (onDisk) {
          fromDisk = true;
          measured.add(new Measured(true, from.sizeBytes(), System.nanoTime() - before));
        }
        BlockLayout part = layout.only(load.mask);
        int count = load.count;
        CopyQueue copies = ops.copies();
        if (load.keys != null && load.values != null) {
          bytes += load.keys.sizeBytes() + load.values.sizeBytes();
          last = copies.upload(from, part.keysOffset(count, load.row), load.keys, after);
          last = copies.upload(from, part.valuesOffset(count, load.row), load.values, after);
        }
        for (int f = 0; load.to != null && f < part.fields(); f++) {
          Tensor to = load.to.find(FieldMask.FIELDS[f]);
          if (to != null) {
            bytes += to.sizeBytes();
            last = copies.upload(from, part.fieldOffset(f, count, load.row), to, after);
          }
        }
      }
    } finally {
      try {
        last.await();
      } finally {
        loads.forEach(this::done);
      }
    }
    if (!fromDisk) { // else copies have run while the next block was read
      measured.add(new Measured(false, bytes, System.nanoTime() - start));
    }
  }

  private HostBlock block(Load load) {
    HostBlock block = held.get(load.blockId);
    if (block == null) {
      block = load.blockId < 0 ? null : read(load);
      if (block == null) {
        throw new LostActivationsException(load.logged);
      }
      held.put(load.blockId, block);
    }
    return block;
  }

  /** Null also where there is no memory to read it into: then it is computed again, which needs none on the host. */
  private @Nullable HostBlock read(Load load) {
    try {
      return host.get(load.blockId);
    } catch (DeviceMemoryException e) {
      LOG.warn("There is no host memory to read {} into", load.logged, e);
      return null;
    }
  }

  private void done(Load load) {
    Integer left = expected.computeIfPresent(load.blockId, (id, n) -> n > 1 ? n - 1 : null);
    if (left == null) {
      HostBlock block = held.remove(load.blockId);
      if (block != null) {
        block.close();
      }
    }
  }

  /** Tells what loads have taken so far. */
  void tell(CostModel costs) {
    for (Measured each = measured.poll(); each != null; each = measured.poll()) {
      if (each.fromDisk) {
        costs.observeRead(each.bytes, each.nanos);
      } else {
        costs.observeLoad(each.bytes, each.nanos);
      }
    }
  }

  /** Lets go of what is held; all loads have ended. */
  @Override
  public void close() {
    held.values().forEach(HostBlock::close);
    held.clear();
  }
}
