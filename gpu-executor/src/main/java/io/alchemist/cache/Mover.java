package io.alchemist.cache;

import io.alchemist.cache.Offload.KvRun;
import io.alchemist.cache.Offload.LayerCopy;
import io.alchemist.tensor.CopyQueue;
import io.alchemist.tensor.Fence;
import io.alchemist.tensor.Ops;
import io.alchemist.tensor.Tensor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies activations, with their keys and values, from the device to the {@link HostTier}: layer 0 first, as forward made
 * them. Copies run on the back end's copy queue; the blocks are put into the tier, which may wait for a disk, on a thread of
 * the mover's own. A piece is pinned, pages and all, until it is done, and has its host copy only when every layer arrived.
 *
 * <p>Everything here is called by the engine thread, and nothing but {@link #close} waits.
 */
public final class Mover implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Mover.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);

  private final Holdings holdings;
  private final PrefixTree tree;
  private final HostTier host;
  private final BlockLayout layout;
  private final Ops ops;
  private final long maxBytesInFlight;
  private final List<Offload> offloads = new ArrayList<>();
  private final ExecutorService putter;
  private long queuedBytes;
  private long bytesInFlight;
  private long completed;
  private long completedBytes;
  private long refused;
  private long failed;
  private boolean closing;

  /**
   * @param layout of the blocks; its fields are those of the slabs
   * @param maxBytesInFlight most bytes of host buffers not yet handed to the tier; one block is always let through
   */
  public Mover(PrefixTree tree, HostTier host, BlockLayout layout, Ops ops, long maxBytesInFlight) {
    this(tree, host, layout, ops, maxBytesInFlight, Executors.newSingleThreadExecutor(task -> {
      Thread thread = new Thread(task, "alchemist-mover");
      thread.setDaemon(true);
      return thread;
    }));
  }

  Mover(
      PrefixTree tree,
      HostTier host,
      BlockLayout layout,
      Ops ops,
      long maxBytesInFlight,
      ExecutorService putter) {
    this.tree = tree;
    this.holdings = tree.holdings();
    this.host = host;
    this.layout = layout;
    this.ops = ops;
    this.maxBytesInFlight = maxBytesInFlight;
    int kvRowBytes = holdings.kv().kvDim() * holdings.kv().keys(0).type().sizeBytes();
    if (layout.kvRowBytes() != kvRowBytes) {
      putter.shutdown();
      throw new IllegalArgumentException("The block layout has " + layout.kvRowBytes()
          + " bytes for a row of keys, the K/V pages have " + kvRowBytes);
    }
    this.putter = putter;
  }

  /**
   * Begins to copy a piece to the host, after the work queued so far.
   *
   * @return false when there is nothing to do: it has a host copy, is on its way, or is not on the device
   * @throws IllegalArgumentException when the slab's fields are not those of the layout
   */
  public boolean offload(Logged logged) {
    Slab slab = logged.slab();
    if (closing
        || slab == null
        || logged.onHost()
        || logged.holders.isEmpty()
        || offloads.stream().anyMatch(o -> o.logged == logged)) {
      return false;
    }
    checkFields(slab);
    Pin pin = new Pin(holdings, logged.holders, List.of(logged));
    offloads.add(new Offload(logged, slab, pin, ops.fence(), holdings.kv().pageSize()));
    queuedBytes += hostBytes(logged, slab);
    startLayers();
    return true;
  }

  private void checkFields(Slab slab) {
    boolean same =
        slab.fields() == layout.fields() && slab.layers() == holdings.kv().layers();
    for (int f = 0; same && f < slab.fields(); f++) {
      for (int layer = 0; same && layer < slab.layers(); layer++) {
        Tensor t = slab.field(layer, f);
        same = t == null || t.cols() * t.type().sizeBytes() == layout.fieldRowBytes(f);
      }
    }
    if (!same) {
      throw new IllegalArgumentException("The fields or layers of a slab of " + slab.layers()
          + " layers with " + slab.fields() + " fields are not those of the block layout, "
          + layout.fields() + " fields, and of the K/V pages, " + holdings.kv().layers()
          + " layers");
    }
  }

  /**
   * Takes note of copies that have finished. Cheap: for every turn of the engine's loop.
   *
   * @param mayBegin whether further layers may begin; otherwise pieces of which none has are let go of too
   */
  public void poll(boolean mayBegin) {
    if (offloads.isEmpty()) {
      return;
    }
    for (Offload o : offloads) {
      o.copies.removeIf(copy -> advance(o, copy));
    }
    if (mayBegin) {
      startLayers();
    } else {
      offloads.stream().filter(o -> o.started == 0).forEach(o -> o.cancelled = true);
    }
    for (Iterator<Offload> all = offloads.iterator(); all.hasNext(); ) {
      Offload o = all.next();
      if (o.isFinished()) {
        all.remove();
        finish(o);
      }
    }
  }

  /** Whether this layer is through, well or not. */
  private boolean advance(Offload o, LayerCopy copy) {
    Future<Boolean> put = copy.put;
    if (put == null) {
      if (!copy.copied()) {
        return false;
      }
      for (Fence fence : copy.fences) {
        try {
          fence.await();
        } catch (RuntimeException e) {
          giveUp(o, copy.layer, e);
        }
      }
      if (o.givenUp()) {
        bytesInFlight -= copy.sizeBytes;
        copy.buffer.close();
        return true;
      }
      long id = holdings.nextHostId();
      o.ids[copy.layer] = id;
      o.sent.set(copy.layer);
      copy.put = putter.submit(() -> host.put(id, copy.buffer));
      return false;
    }
    if (!put.isDone()) {
      return false;
    }
    bytesInFlight -= copy.sizeBytes;
    try {
      if (!put.get()) {
        refuse(o);
      }
    } catch (ExecutionException e) {
      giveUp(o, copy.layer, e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      giveUp(o, copy.layer, e);
    }
    return true;
  }

  private void startLayers() {
    for (Offload o : offloads) {
      while (o.started < o.slab.layers() && !o.givenUp()) {
        long size = layout.only(o.fields[o.started]).sizeBytes(o.logged.count());
        if (bytesInFlight > 0 && bytesInFlight + size > maxBytesInFlight) {
          return;
        }
        startLayer(o, o.started++, size);
      }
    }
  }

  private void startLayer(Offload o, int layer, long size) {
    LayerCopy copy;
    try {
      copy = new LayerCopy(layer, ops.hostBuffer(size));
    } catch (RuntimeException | OutOfMemoryError e) { // direct memory: the heap is well
      giveUp(o, layer, e);
      return;
    }
    bytesInFlight += copy.sizeBytes;
    o.copies.add(copy);
    try {
      queueCopies(o, copy);
    } catch (RuntimeException e) {
      giveUp(o, layer, e);
    }
  }

  private void queueCopies(Offload o, LayerCopy copy) {
    CopyQueue queue = ops.copies();
    int count = o.logged.count();
    int firstRow = o.logged.slabRow(o.logged.from());
    BlockLayout block = layout.only(o.fields[copy.layer]);
    for (int f = 0; f < block.fields(); f++) {
      Tensor field = o.slab.field(copy.layer, f);
      if (field != null) {
        copy.fences.add(queue.download(
            field.rows(firstRow, count), copy.buffer, block.fieldOffset(f, count, 0), o.after));
      }
    }
    Tensor keys = holdings.kv().keys(copy.layer);
    Tensor values = holdings.kv().values(copy.layer);
    for (KvRun run : o.kvRuns) {
      copy.fences.add(queue.download(
          keys.rows(run.slot(), run.rows()),
          copy.buffer,
          block.keysOffset(count, run.row()),
          o.after));
      copy.fences.add(queue.download(
          values.rows(run.slot(), run.rows()),
          copy.buffer,
          block.valuesOffset(count, run.row()),
          o.after));
    }
  }

  private void giveUp(Offload o, int layer, @Nullable Throwable why) {
    if (!o.failed) {
      o.failed = true;
      o.logged.refused = true;
      failed++;
      LOG.warn(
          "Copying layer {} of {} to the host failed; it stays as it was", layer, o.logged, why);
    }
  }

  private void refuse(Offload o) {
    if (!o.failed) {
      o.failed = true;
      o.logged.refused = true;
      refused++;
      LOG.debug("The host tier has no room for {}", o.logged);
    }
  }

  private void finish(Offload o) {
    long bytes = hostBytes(o.logged, o.slab);
    queuedBytes -= bytes;
    if (o.givenUp()) {
      o.sent.stream().forEach(layer -> host.remove(o.ids[layer]));
    } else {
      holdings.setHostCopy(o.logged, o.ids, o.fields, bytes);
      completed++;
      completedBytes += bytes;
    }
    o.pin.close();
  }

  /**
   * Keeps the activations that only the device has between two marks: above the high one, begins to copy the pieces worth most, of
   * equal ones the least recently used, a few at a time, until there are no more than the low one. What is worth little would push
   * better ones out of a host tier that is short. The device copies stay until somebody needs the memory, who then finds it
   * at once.
   */
  public void balance(long highWaterBytes, long lowWaterBytes) {
    long bytes = tree.uncopiedActivationBytes();
    if (bytes <= highWaterBytes || host.isNone()) {
      return;
    }
    long need = bytes - lowWaterBytes - movingBytes();
    // What waits here is pinned, and its K/V pages with it: no longer a queue than keeps the copies
    // going.
    long room = 2 * maxBytesInFlight - queuedBytes;
    if (need <= 0 || (room <= 0 && !offloads.isEmpty())) {
      return;
    }
    List<Logged> chosen = new ArrayList<>();
    for (Logged logged : holdings.worthCopying()) {
      Slab slab = logged.slab();
      if (need <= 0 || (room <= 0 && !(chosen.isEmpty() && offloads.isEmpty()))) {
        break;
      }
      if (slab != null) {
        chosen.add(logged);
        need -= deviceBytes(logged, slab);
        room -= hostBytes(logged, slab);
      }
    }
    chosen.forEach(this::offload);
  }

  private long movingBytes() {
    return offloads.stream().mapToLong(o -> deviceBytes(o.logged, o.slab)).sum();
  }

  private static long deviceBytes(Logged logged, Slab slab) {
    return slab.sizeBytes() / slab.rows() * logged.count();
  }

  private long hostBytes(Logged logged, Slab slab) {
    long bytes = 0;
    for (int layer = 0; layer < slab.layers(); layer++) {
      bytes += layout.only(slab.fieldMask(layer)).sizeBytes(logged.count());
    }
    return bytes;
  }

  List<Pin> pins() {
    return offloads.stream().map(o -> o.pin).toList();
  }

  public MoverStats stats() {
    return new MoverStats(
        offloads.size(), bytesInFlight, completed, completedBytes, refused, failed);
  }

  /** {@link #close(Duration)} with 30 s. */
  @Override
  public void close() {
    close(CLOSE_LIMIT);
  }

  /**
   * Begins no further layer and waits for the copies under way. Pieces that are not complete by then stay as they were. When
   * the time is up, buffers still being written are left to the process's end, and said so in the log.
   */
  public void close(Duration limit) {
    if (closing) {
      return;
    }
    closing = true;
    long deadline = System.nanoTime() + limit.toNanos();
    for (Offload o : offloads) {
      o.cancelled = o.started < o.slab.layers();
    }
    poll(false);
    while (!offloads.isEmpty() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
      poll(false);
    }
    if (!offloads.isEmpty()) {
      offloads.forEach(o -> o.cancelled = true);
      LOG.warn(
          "{} pieces were still on their way to the host after {} ms; {} bytes of buffers are"
              + " left behind",
          offloads.size(),
          limit.toMillis(),
          bytesInFlight);
    }
    putter.shutdown();
  }
}
