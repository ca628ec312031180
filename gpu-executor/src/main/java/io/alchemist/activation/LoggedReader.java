package io.alchemist.activation;

import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.Logged;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.HostBuffer;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Reads what was logged, layer by layer, for one backward pass. What is on the device is used where it lies. What is on the
 * host is loaded one layer ahead into one of two buffers, by a thread of its own, while the device computes.
 *
 * <p>Engine thread, but for the loading.
 */
public final class LoggedReader implements AutoCloseable {

  /** What is read of a layer. */
  public enum Want {
    /** For the forward pass of rows that come after. */
    KEYS_AND_VALUES,
    /** For the backward pass. */
    EVERYTHING
  }

  private final Ops ops;
  private final ModelConfig config;
  private final KvPages pages;
  private final HostTier host;
  private final BlockLayout layout;
  private final List<LoggedRows> stretches;
  private final List<Set<Field>> wanted;
  private final Executor loader;
  private final Runnable onLoaded;
  private final MemoryScope scope;
  private final Map<LoggedRows, Tensor> slots = new HashMap<>();
  private final Map<LoggedRows, Integer> stagedAt = new HashMap<>();
  private final Stage[] stages;
  private final Queue<Measured> measured = new ConcurrentLinkedQueue<>();

  /** A load that has run. */
  private record Measured(long bytes, long nanos) {}

  /**
   * Prepares to read.
   *
   * @param wanted what of each layer is worth loading; the rest is computed again
   * @param loader runs one load at a time, away from the engine thread; may wait for a disk
   * @param onLoaded called when a load has ended, on any thread
   */
  public LoggedReader(
      Ops ops,
      MemoryScope parent,
      ModelConfig config,
      KvPages pages,
      HostTier host,
      BlockLayout layout,
      List<LoggedRows> stretches,
      List<Set<Field>> wanted,
      Executor loader,
      Runnable onLoaded) {
    this.ops = ops;
    this.config = config;
    this.pages = pages;
    this.host = host;
    this.layout = layout;
    this.stretches = List.copyOf(stretches);
    this.wanted = List.copyOf(wanted);
    this.loader = loader;
    this.onLoaded = onLoaded;
    this.scope = parent.child("logged rows");
    int staged = 0;
    for (LoggedRows rows : stretches) {
      if (rows.onDevice() && rows.slots() != null) {
        Tensor tensor = scope.allocate("slots", DType.I32, 1, rows.count());
        slots.put(rows, tensor);
        ops.upload(rows.slots(), tensor);
      } else {
        stagedAt.put(rows, staged);
        staged += rows.count();
      }
    }
    stages = staged == 0 ? new Stage[0] : new Stage[] {new Stage(staged), new Stage(staged)};
  }

  /** Whether anything has to be loaded from the host. */
  public boolean readsHost() {
    return stages.length > 0;
  }

  /** Starts loading a layer. Its neighbours' buffer is the other one, so at most two layers are under way. */
  public void prefetch(int layer, Want want) {
    if (!readsHost() || layer < 0 || layer >= config.layers()) {
      return;
    }
    Stage stage = stages[layer % 2];
    if (stage.holds(layer, want)) {
      return;
    }
    stage.start(layer, want);
  }

  /** Whether the layer can be read without waiting. */
  public boolean isReady(int layer, Want want) {
    return !readsHost()
        || (stages[layer % 2].holds(layer, want) && stages[layer % 2].loaded.isDone());
  }

  /**
   * Brings the keys and values of a layer to the rows of the pass.
   *
   * @param keys (rows of the pass, G)
   * @param values likewise
   * @throws LostActivationsException when the host has them no more
   */
  public void keysAndValues(int layer, Tensor keys, Tensor values) {
    Stage stage = awaited(layer);
    for (LoggedRows rows : stretches) {
      Tensor toKeys = keys.rows(rows.firstRow(), rows.count());
      Tensor toValues = values.rows(rows.firstRow(), rows.count());
      Tensor from = slots.get(rows);
      if (from != null) {
        ops.gatherRows(pages.keys(layer), from, toKeys);
        ops.gatherRows(pages.values(layer), from, toValues);
      } else if (stage != null) {
        int at = stagedAt.getOrDefault(rows, -1);
        ops.copy(stage.keys.rows(at, rows.count()), toKeys);
        ops.copy(stage.values.rows(at, rows.count()), toValues);
      }
    }
  }

  /**
   * What is left of the activations of a layer, one entry for each stretch, in the order given.
   *
   * @throws LostActivationsException when the host has them no more
   */
  public List<Activations> activations(int layer) {
    Stage stage = awaited(layer);
    List<Activations> all = new ArrayList<>();
    for (LoggedRows rows : stretches) {
      Slab slab = rows.logged().slab();
      if (rows.onDevice() && slab != null) {
        all.add(ActivationRecorder.layer(slab, layer)
            .rows(rows.logged().slabRow(rows.from()), rows.count()));
      } else if (stage != null) {
        all.add(stage
            .activations
            .only(SavePlanner.kept(rows, layer, wanted.get(layer)))
            .rows(stagedAt.getOrDefault(rows, -1), rows.count()));
      }
    }
    return all;
  }

  /** What {@link #activations} gives of a stretch. */
  public Set<Field> kept(int stretch, int layer) {
    return SavePlanner.kept(stretches.get(stretch), layer, wanted.get(layer));
  }

  /** Tells what loads have taken so far. */
  public void tell(CostModel costs) {
    for (Measured load = measured.poll(); load != null; load = measured.poll()) {
      costs.observeLoad(load.bytes, load.nanos);
    }
  }

  /** Waits until a layer is loaded. */
  public void await(int layer) {
    Stage unused = awaited(layer);
  }

  private @Nullable Stage awaited(int layer) {
    if (!readsHost()) {
      return null;
    }
    Stage stage = stages[layer % 2];
    stage.await();
    return stage;
  }

  /** Waits for loads under way, so that nothing is written to memory that is given back. */
  @Override
  public void close() {
    for (Stage stage : stages) {
      stage.close();
    }
    slots.values().forEach(Tensor::close);
    scope.close();
  }

  /** One of the two buffers. */
  private final class Stage {
    private final Activations activations;
    private final Tensor keys;
    private final Tensor values;
    private int layer = -1;
    private Want want = Want.KEYS_AND_VALUES;
    private CompletableFuture<Void> loaded = CompletableFuture.completedFuture(null);

    Stage(int rows) {
      Set<Field> any = EnumSet.noneOf(Field.class);
      wanted.forEach(any::addAll);
      activations = Activations.allocate(scope, config, rows, any);
      keys = scope.allocate("loaded keys", DType.F32, rows, config.kvDim());
      values = scope.allocate("loaded values", DType.F32, rows, config.kvDim());
    }

    boolean holds(int wantedLayer, Want wanted) {
      return layer == wantedLayer && (want == Want.EVERYTHING || wanted == Want.KEYS_AND_VALUES);
    }

    void start(int newLayer, Want newWant) {
      layer = newLayer;
      want = newWant;
      Fence after = ops.fence(); // what still reads this buffer was queued before
      List<Load> loads = new ArrayList<>();
      stagedAt.forEach((rows, at) -> {
        Set<Field> fields = newWant == Want.EVERYTHING
            ? SavePlanner.kept(rows, newLayer, wanted.get(newLayer))
            : Set.of();
        loads.add(new Load(rows, at, newLayer, fields));
      });
      loaded = loaded.handle((done, failed) -> null).thenRunAsync(() -> load(loads, after), loader);
      CompletableFuture<Void> unused = loaded.whenComplete((done, failed) -> onLoaded.run());
    }

    /** On the loader's thread. */
    private void load(List<Load> loads, Fence after) {
      CopyQueue copies = ops.copies();
      List<HostBlock> held = new ArrayList<>();
      Fence last = after;
      long start = System.nanoTime();
      long bytes = 0;
      try {
        for (Load load : loads) {
          HostBlock block = load.blockId < 0 ? null : host.get(load.blockId);
          if (block == null) {
            throw new LostActivationsException(load.logged);
          }
          held.add(block);
          HostBuffer from = block.buffer();
          BlockLayout part = layout.only(load.mask);
          int count = load.logged.count();
          bytes += 2L * layout.kvRowBytes() * load.count;
          last = copies.upload(
              from, part.keysOffset(count, load.row), keys.rows(load.at, load.count), after);
          last = copies.upload(
              from, part.valuesOffset(count, load.row), values.rows(load.at, load.count), after);
          for (int f = 0; f < part.fields(); f++) {
            if (load.fields.contains(FieldMask.FIELDS[f])) {
              Tensor to = activations.get(FieldMask.FIELDS[f]).rows(load.at, load.count);
              bytes += to.sizeBytes();
              last = copies.upload(from, part.fieldOffset(f, count, load.row), to, after);
            }
          }
        }
      } finally {
        try {
          last.await();
        } finally {
          held.forEach(HostBlock::close);
        }
      }
      measured.add(new Measured(bytes, System.nanoTime() - start));
    }

    void await() {
      try {
        loaded.join();
      } catch (CompletionException e) {
        if (e.getCause() instanceof LostActivationsException lost) {
          throw lost;
        }
        throw e;
      }
    }

    void close() {
      loaded.handle((done, failed) -> null).join();
      activations.close();
      keys.close();
      values.close();
    }
  }

  /** A block to be loaded, as the engine thread knew it. */
  private static final class Load {
    private final Logged logged;
    private final long blockId;
    private final int mask;
    private final int row;
    private final int at;
    private final int count;
    private final Set<Field> fields;

    Load(LoggedRows rows, int at, int layer, Set<Field> fields) {
      this.logged = rows.logged();
      this.blockId = logged.onHost() ? logged.hostBlockId(layer) : -1;
      this.mask = logged.onHost() ? logged.hostFieldMask(layer) : 0;
      this.row = logged.row(rows.from());
      this.at = at;
      this.count = rows.count();
      this.fields = fields;
    }
  }
}
