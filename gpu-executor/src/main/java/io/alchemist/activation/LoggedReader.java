package io.alchemist.activation;

import io.alchemist.cache.BlockLayout;
import io.alchemist.cache.HostTier;
import io.alchemist.cache.KvPages;
import io.alchemist.cache.Slab;
import io.alchemist.model.Activations;
import io.alchemist.model.Activations.Field;
import io.alchemist.model.BackwardNeeds;
import io.alchemist.tensor.DType;
import io.alchemist.tensor.MemoryScope;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import io.alchemist.weights.ModelConfig;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Reads what was logged for one backward pass. What is on the device is used where it lies. Of what is on the host, keys and
 * values are loaded a layer ahead, everything else a slice's rows of a layer ahead, in the order in which backward reads it: so
 * the pass holds two slices' rows, whatever the length of what was logged. A thread of its own loads while the device computes.
 *
 * <p>Engine thread, but for the loading.
 */
public final class LoggedReader implements AutoCloseable {

  /** The two halves of a layer's backward: the second begins when the first has run for all parts. */
  public enum Half {
    /** Reads what the layer computed from its input. */
    OUTPUT,
    /** Reads the layer's input. */
    INPUT
  }

  /**
   * Some rows of a stretch, no more than one slice computes.
   *
   * @param stretch index among the stretches
   * @param from first row, counted from the stretch's first
   * @param count rows
   */
  public record Part(int stretch, int from, int count) {}

  private final Ops ops;
  private final ModelConfig config;
  private final KvPages pages;
  private final List<LoggedRows> stretches;
  private final List<BackwardNeeds> needs;
  /** What there is of each stretch, by layer. */
  private final List<List<Set<Field>>> kept = new ArrayList<>();

  private final MemoryScope scope;
  private final Map<LoggedRows, Tensor> slots = new HashMap<>();
  private final HostLoads loads;
  private final @Nullable StagedKeysAndValues staged;
  private final Map<Half, Ring> rings = new EnumMap<>(Half.class);

  /**
   * Prepares to read.
   *
   * @param needs what backward reads of each layer
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
      List<BackwardNeeds> needs,
      List<Set<Field>> wanted,
      Executor loader,
      Runnable onLoaded) {
    this.ops = ops;
    this.config = config;
    this.pages = pages;
    this.stretches = List.copyOf(stretches);
    this.needs = List.copyOf(needs);
    this.scope = parent.child("logged rows");
    this.loads = new HostLoads(ops, host, layout, loader, onLoaded);
    List<LoggedRows> onHost = new ArrayList<>();
    for (LoggedRows rows : stretches) {
      if (rows.onDevice() && rows.slots() != null) {
        Tensor tensor = scope.allocate("slots", DType.I32, 1, rows.count());
        slots.put(rows, tensor);
        ops.upload(rows.slots(), tensor);
      } else {
        onHost.add(rows);
      }
      List<Set<Field>> byLayer = new ArrayList<>();
      for (int layer = 0; layer < config.layers(); layer++) {
        byLayer.add(SavePlanner.kept(rows, layer, wanted.get(layer)));
      }
      kept.add(byLayer);
    }
    staged = onHost.isEmpty() ? null : new StagedKeysAndValues(onHost);
  }

  /** Whether anything has to be loaded from the host. */
  public boolean readsHost() {
    return staged != null;
  }

  // ---- keys and values

  /** Starts loading the keys and values of a layer. Those loaded before must have been brought to the pass. */
  public void prefetchKeysAndValues(int layer) {
    if (staged != null && layer >= 0 && layer < config.layers()) {
      staged.start(layer);
    }
  }

  /** Whether {@link #keysAndValues} would not wait. */
  public boolean hasKeysAndValues(int layer) {
    return staged == null || (staged.layer == layer && staged.loaded.isDone());
  }

  /**
   * Waits for the keys and values of a layer.
   *
   * @throws LostActivationsException when the host has them no more
   */
  public void awaitKeysAndValues(int layer) {
    if (staged != null) {
      staged.await(layer);
    }
  }

  /**
   * Brings the keys and values of a layer to the rows of the pass; waits for them.
   *
   * @param keys (rows of the pass, G)
   * @param values likewise
   * @throws LostActivationsException when the host has them no more
   */
  public void keysAndValues(int layer, Tensor keys, Tensor values) {
    if (staged != null) {
      staged.copy(layer, keys, values);
    }
    slots.forEach((rows, from) -> {
      ops.gatherRows(pages.keys(layer), from, keys.rows(rows.firstRow(), rows.count()));
      ops.gatherRows(pages.values(layer), from, values.rows(rows.firstRow(), rows.count()));
    });
  }

  // ---- activations

  /** Whether what there is of a stretch is loaded from the host. */
  public boolean isLoaded(int stretch) {
    return !stretches.get(stretch).onDevice();
  }

  /**
   * Starts loading what backward reads first.
   *
   * @param parts of all stretches, in the order in which both halves of each layer read them; those of one list at once: they are
   *     loaded all and of one kind, or there is only one
   * @param lastParts the same of the last layer
   */
  public void beginBackward(List<List<Part>> parts, List<List<Part>> lastParts) {
    if (staged == null) {
      return;
    }
    Map<Half, List<Read>> reads = new EnumMap<>(Half.class);
    for (Half half : Half.values()) {
      List<Read> all = new ArrayList<>();
      for (int layer = config.layers() - 1; layer >= 0; layer--) {
        for (List<Part> together : layer == config.layers() - 1 ? lastParts : parts) {
          if (isRead(half, layer, together)) {
            all.add(new Read(layer, together, fields(half, layer, together)));
          }
        }
      }
      reads.put(half, all);
    }
    // Before any of them is loaded: a block is let go after its last.
    for (int layer = config.layers() - 2; layer >= 0; layer--) {
      for (LoggedRows rows : staged.rows) {
        loads.expect(rows.logged(), layer);
      }
    }
    for (List<Read> all : reads.values()) {
      for (Read read : all) {
        for (Part part : read.parts) {
          loads.expect(stretches.get(part.stretch()).logged(), read.layer);
        }
      }
    }
    reads.forEach((half, all) -> rings.put(half, new Ring(half, all)));
  }

  /** Whether {@link #activations} would not wait. */
  public boolean isReady(Half half, int layer, List<Part> parts) {
    Ring ring = rings.get(half);
    return ring == null || !isRead(half, layer, parts) || ring.isReady();
  }

  /**
   * What there is of the activations of parts that are read at once, for one half of a layer's backward; waits for it. What is on
   * the host is read in the order of {@link #beginBackward}, and let go by {@link #release} before the next.
   *
   * @throws LostActivationsException when the host has them no more
   */
  public Activations activations(Half half, int layer, List<Part> parts) {
    Part first = parts.get(0);
    LoggedRows rows = stretches.get(first.stretch());
    Slab slab = rows.logged().slab();
    if (rows.onDevice() && slab != null) {
      return ActivationRecorder.layer(slab, layer)
          .rows(rows.logged().slabRow(rows.from()) + first.from(), first.count());
    }
    Ring ring = rings.get(half);
    if (ring == null || !isRead(half, layer, parts)) {
      return Activations.of(Map.of());
    }
    return ring.head(layer, parts);
  }

  /** Ends the use of what {@link #activations} gave: its memory is filled anew once the device has done what it was asked. */
  public void release(Half half, int layer, List<Part> parts) {
    Ring ring = rings.get(half);
    if (ring != null && isRead(half, layer, parts)) {
      ring.release();
    }
  }

  private boolean isRead(Half half, int layer, List<Part> parts) {
    return isLoaded(parts.get(0).stretch()) && !fields(half, layer, parts).isEmpty();
  }

  /** What there is of a stretch for the backward of a layer. */
  public Set<Field> kept(int stretch, int layer) {
    return kept.get(stretch).get(layer);
  }

  /** Rows of one kind have the same fields read in each layer, so they can be computed together. */
  public Object kindOf(int stretch) {
    return kindOf(kept.get(stretch));
  }

  /**
   * Likewise of rows that aren't logged.
   *
   * @param keptByLayer what there is of them
   */
  public Object kindOf(List<Set<Field>> keptByLayer) {
    List<Set<Field>> read = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Half half : Half.values()) {
        read.add(fields(half, layer, keptByLayer.get(layer)));
      }
    }
    return read;
  }

  /**
   * What one half of a layer's backward reads.
   *
   * @param all that there is of the rows
   */
  public Set<Field> fields(Half half, int layer, Set<Field> all) {
    return switch (half) {
      case INPUT -> all.contains(Field.X) ? EnumSet.of(Field.X) : Set.of();
      // In the last layer a prompt's rows predict nothing: their output has no gradient.
      case OUTPUT -> layer == config.layers() - 1 ? Set.of() : needs.get(layer).readByOutput(all);
    };
  }

  /** Those that are read at once are of one kind. */
  private Set<Field> fields(Half half, int layer, List<Part> parts) {
    return fields(half, layer, kept(parts.get(0).stretch(), layer));
  }

  /** Tells what loads have taken so far. */
  public void tell(CostModel costs) {
    loads.tell(costs);
  }

  /** Waits for loads under way; from then on nothing is written to its memory, which may go with its scope. */
  public void stop() {
    if (staged != null) {
      staged.stop();
    }
    rings.values().forEach(Ring::stop);
    loads.close();
  }

  @Override
  public void close() {
    stop();
    if (staged != null) {
      staged.close();
    }
    rings.values().forEach(Ring::close);
    slots.values().forEach(Tensor::close);
    scope.close();
  }

  private static void await(CompletableFuture<Void> loaded) {
    try {
      loaded.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof LostActivationsException lost) {
        throw lost;
      }
      throw e;
    }
  }

  /** Keys and values of one layer, of all stretches that the host has. */
  private final class StagedKeysAndValues {
    private final List<LoggedRows> rows;
    private final Tensor keys;
    private final Tensor values;
    private int layer = -1;
    private CompletableFuture<Void> loaded = CompletableFuture.completedFuture(null);

    StagedKeysAndValues(List<LoggedRows> rows) {
      this.rows = rows;
      int count = rows.stream().mapToInt(LoggedRows::count).sum();
      keys = scope.allocate("loaded keys", DType.F32, count, config.kvDim());
      values = scope.allocate("loaded values", DType.F32, count, config.kvDim());
    }

    void start(int newLayer) {
      if (layer == newLayer) {
        return;
      }
      layer = newLayer;
      List<HostLoads.Load> all = new ArrayList<>();
      int at = 0;
      for (LoggedRows stretch : rows) {
        int count = stretch.count();
        all.add(HostLoads.keysAndValues(
            stretch, newLayer, keys.rows(at, count), values.rows(at, count)));
        at += count;
      }
      loaded = loads.start(all);
    }

    void await(int wantedLayer) {
      if (layer != wantedLayer) {
        throw new IllegalStateException(
            "Keys and values of layer " + layer + " were loaded, not of " + wantedLayer);
      }
      LoggedReader.await(loaded);
    }

    void copy(int wantedLayer, Tensor toKeys, Tensor toValues) {
      await(wantedLayer);
      int at = 0;
      for (LoggedRows stretch : rows) {
        int count = stretch.count();
        ops.copy(keys.rows(at, count), toKeys.rows(stretch.firstRow(), count));
        ops.copy(values.rows(at, count), toValues.rows(stretch.firstRow(), count));
        at += count;
      }
    }

    void stop() {
      loaded.handle((done, failed) -> null).join();
    }

    void close() {
      keys.close();
      values.close();
    }
  }

  /** Parts whose activations are loaded one behind the other. */
  private record Read(int layer, List<Part> parts, Set<Field> fields) {
    int rows() {
      return parts.stream().mapToInt(Part::count).sum();
    }
  }

  /** What one half of backward reads: one is read while the next is loaded. */
  private final class Ring {
    private static final int BUFFERS = 2;

    private final List<Read> reads;
    private final List<Activations> buffers = new ArrayList<>();
    private final List<CompletableFuture<Void>> loaded = new ArrayList<>();
    private int started;
    private int released;

    Ring(Half half, List<Read> reads) {
      this.reads = reads;
      int rows = reads.stream().mapToInt(Read::rows).max().orElse(0);
      Set<Field> any = EnumSet.noneOf(Field.class);
      reads.forEach(read -> any.addAll(read.fields));
      for (int i = 0; i < BUFFERS; i++) {
        buffers.add(Activations.allocate(
            scope.child(half == Half.OUTPUT ? "loaded activations" : "loaded inputs"),
            config,
            rows,
            any));
        loaded.add(CompletableFuture.completedFuture(null));
      }
      fill();
    }

    private void fill() {
      while (started < reads.size() && started < released + BUFFERS) {
        Read read = reads.get(started);
        Activations to = buffers.get(started % BUFFERS).only(read.fields);
        List<HostLoads.Load> all = new ArrayList<>();
        int row = 0;
        for (Part part : read.parts) {
          all.add(HostLoads.activations(
              stretches.get(part.stretch()), read.layer, part.from(), to.rows(row, part.count())));
          row += part.count();
        }
        loaded.set(started % BUFFERS, loads.start(all));
        started++;
      }
    }

    boolean isReady() {
      return loaded.get(released % BUFFERS).isDone();
    }

    Activations head(int layer, List<Part> parts) {
      Read read = reads.get(released);
      if (read.layer != layer || !read.parts.equals(parts)) {
        throw new IllegalStateException(
            "Backward asks for " + parts + " of layer " + layer + "; next is " + read);
      }
      await(loaded.get(released % BUFFERS));
      return buffers.get(released % BUFFERS).rows(0, read.rows()).only(read.fields);
    }

    void release() {
      released++;
      fill();
    }

    void stop() {
      loaded.forEach(load -> load.handle((done, failed) -> null).join());
    }

    void close() {
      buffers.forEach(Activations::close);
    }
  }
}
