package io.alchemist.spark.internal;

import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.tensor.HostBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.storage.RDDBlockId;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Host memory that Spark manages: every block is a block of the executor's block manager, in off-heap memory, and on disk when
 * Spark or this tier put it there. A block that is being read stays where it is. When the tier's own limit or Spark's memory is
 * reached, the least recently used block in memory goes to disk, and the least recently used one on disk is gone. When a query
 * needs the memory, Spark does the same, down to {@code spark.memory.storageFraction}; then the disk's limit is kept by leaving
 * out what doesn't fit, and an eighth of the disk is freed for the next time.
 *
 * <p>A block that is read back from disk stays there; its buffer is extra memory until the reader closes it, booked with Spark
 * where Spark has it.
 *
 * <p>Thread-safe. {@link #put} and {@link #get} may wait for a disk and for Spark; nothing else does but {@link #close}. What
 * {@link #remove} drops, and what Spark drops, is given back a moment later by a thread of the tier's own, and counts until then.
 * For the order of locks see the package.
 *
 * <p>Longer than most classes: what moves blocks, and what Spark tells of them, change the same few fields.
 */
public final class SparkHostTier implements HostTier {
  private static final Logger LOG = LoggerFactory.getLogger(SparkHostTier.class);
  private static final StorageLevel MEMORY_ONLY = StorageLevel.apply(false, true, true, false, 1);

  /** A block; its fields are guarded by the tier's lock. */
  private final class Block implements HostBytes.Fate {
    final long id;
    final RDDBlockId sparkId;
    final long sizeBytes;
    final HostBuffer buffer;
    final HostBytes bytes;
    int readers;
    /** A thread of ours is putting or evicting it. */
    boolean busy = true;
    /** Spark took it, and cleaned up after itself otherwise. */
    boolean stored;
    /** Spark's memory holds the buffer, or is about to. */
    boolean inMemory = true;
    /** Counted as on disk. */
    boolean onDisk;
    /** No longer in the index. */
    boolean removed;

    private boolean closing;
    private boolean removing;

    Block(long id, RDDBlockId sparkId, HostBuffer buffer) {
      this.id = id;
      this.sparkId = sparkId;
      this.buffer = buffer;
      this.sizeBytes = buffer.sizeBytes();
      this.bytes = new HostBytes(buffer, this);
    }

    boolean idle() {
      return !busy && readers == 0;
    }

    @Override
    public boolean writing() {
      synchronized (lock) {
        if (sizeBytes > maxDiskBytes - diskBytes) {
          return false;
        }
        diskBytes += sizeBytes;
        onDisk = true;
        return true;
      }
    }

    @Override
    public void writeFailed(Exception why) {
      synchronized (lock) {
        diskBytes -= sizeBytes;
        onDisk = false;
      }
      LOG.warn("Spark could not write {} of {} bytes to disk; it is dropped", this, sizeBytes, why);
    }

    @Override
    public void dropped() {
      synchronized (lock) {
        if (!inMemory) {
          return;
        }
        if (!busy && !removed) {
          countSparksDoing(this);
        }
        leaveMemory(this);
        settle(this);
      }
      wake();
    }

    @Override
    public String toString() {
      return "host block " + id + " (" + sparkId.name() + ")";
    }
  }

  private final SparkBlocks spark;
  private final long maxHostBytes;
  private final long maxDiskBytes;
  private final LongFunction<HostBuffer> buffers;
  private final StorageLevel level;

  private final Object lock = new Object();
  /** Blocks in memory, least recently used first. */
  private final Map<Long, Block> memory = new LinkedHashMap<>(16, 0.75f, true);
  /** Blocks on disk only, likewise. */
  private final Map<Long, Block> disk = new LinkedHashMap<>(16, 0.75f, true);

  private final BlockIndices indices;
  private final Queue<Block> toRemove = new ArrayDeque<>();
  private final Queue<Block> toClose = new ArrayDeque<>();
  /** Bytes of all open buffers, those read back included. */
  private long usedBytes;

  private long diskBytes;
  private long spilledBlocks;
  private long spilledBytes;
  private long droppedBlocks;
  private long droppedBytes;
  /** Spark has written to the disk of its own accord. */
  private boolean trimDisk;

  private boolean closed;

  /** Held while queued blocks are removed and closed, so that whoever waits for room finds it afterwards. */
  private final Object cleaning = new Object();

  private final AtomicBoolean woken = new AtomicBoolean();
  private final ThreadPoolExecutor janitor;

  /**
   * @param rddId whose blocks they are, see {@link ActivationRdd}
   * @param executorId this executor's, or driver
   * @param maxHostBytes most bytes of blocks in memory
   * @param maxDiskBytes most bytes of blocks on disk; 0 for none
   * @param buffers makes a buffer of a size, outside the heap, for reading back
   */
  SparkHostTier(
      SparkBlocks spark,
      int rddId,
      String executorId,
      long maxHostBytes,
      long maxDiskBytes,
      LongFunction<HostBuffer> buffers) {
    if (maxHostBytes < 0 || maxDiskBytes < 0) {
      throw new IllegalArgumentException("Limits of the host tier can't be negative: memory "
          + maxHostBytes + ", disk " + maxDiskBytes);
    }
    this.spark = spark;
    this.maxHostBytes = maxHostBytes;
    this.maxDiskBytes = maxDiskBytes;
    this.buffers = buffers;
    this.level = maxDiskBytes > 0 ? StorageLevel.OFF_HEAP() : MEMORY_ONLY;
    this.indices = BlockIndices.of(rddId, executorId);
    this.janitor =
        new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
          Thread thread = new Thread(task, "alchemist-host-tier");
          thread.setDaemon(true);
          return thread;
        });
    janitor.prestartAllCoreThreads();
  }

  /**
   * A tier in this JVM's block manager, which must be initialised: in local mode it is not yet when executor plugins are.
   *
   * @param rddId from {@link ActivationRdd#register} on the driver
   * @param maxHostBytes most bytes of blocks in memory; Spark's off-heap memory bounds them too
   * @param maxDiskBytes most bytes of blocks on disk, in Spark's local directories; 0 for none
   * @param buffers makes a buffer of a size, outside the heap, for reading back; the back end's
   * @throws IllegalStateException when Spark has no off-heap memory, or no block manager yet
   */
  public static SparkHostTier open(
      int rddId, long maxHostBytes, long maxDiskBytes, LongFunction<HostBuffer> buffers) {
    SparkEnv env = SparkEnv.get();
    if (env == null || env.blockManager().blockManagerId() == null) {
      throw new IllegalStateException("There is no host tier without Spark's block manager, and"
          + " this JVM has none that is initialised. Open the tier after the executor has"
          + " registered, and before it stops.");
    }
    checkOffHeap(env.conf());
    return new SparkHostTier(
        new SparkBlocks(env.blockManager()),
        rddId,
        env.executorId(),
        maxHostBytes,
        maxDiskBytes,
        buffers);
  }

  /**
   * Checks that Spark has off-heap memory; the driver can ask before any executor does.
   *
   * @throws IllegalStateException naming what to set
   */
  public static void checkOffHeap(SparkConf conf) {
    boolean enabled = conf.getBoolean("spark.memory.offHeap.enabled", false);
    long size = conf.getSizeAsBytes("spark.memory.offHeap.size", 0);
    if (!enabled || size <= 0) {
      throw new IllegalStateException(
          "Activations on the host are kept in Spark's off-heap memory, and there is none:"
              + " spark.memory.offHeap.enabled=" + enabled + ", spark.memory.offHeap.size=" + size
              + ". Set spark.memory.offHeap.enabled=true and spark.memory.offHeap.size to what"
              + " activations and queries may use of each executor, such as 8g. Otherwise the"
              + " engine has no host tier: what leaves the device is gone, and prompts are"
              + " forwarded again to be trained on.");
    }
  }

  // ---- putting

  @Override
  public boolean put(long id, HostBuffer buffer) {
    Set<Block> locked = new HashSet<>();
    Block block = null;
    try {
      block = admit(id, buffer, locked);
    } finally {
      if (block == null) {
        buffer.close();
      }
    }
    return block != null && hand(block, locked);
  }

  private @Nullable Block admit(long id, HostBuffer buffer, Set<Block> locked) {
    Block block = reserve(id, buffer);
    if (block == null && buffer.sizeBytes() <= maxHostBytes) {
      clean();
      block = reserve(id, buffer);
      while (block == null && evictOldest(locked)) {
        block = reserve(id, buffer);
      }
    }
    return block;
  }

  private @Nullable Block reserve(long id, HostBuffer buffer) {
    synchronized (lock) {
      if (memory.containsKey(id) || disk.containsKey(id)) {
        throw new IllegalArgumentException("Host block " + id + " was put twice");
      }
      if (closed || buffer.sizeBytes() > maxHostBytes - usedBytes) {
        return null;
      }
      RDDBlockId sparkId = indices.take();
      if (sparkId == null) {
        return null;
      }
      Block block = null;
      try {
        block = new Block(id, sparkId, buffer);
      } finally {
        if (block == null) {
          indices.free(sparkId);
        }
      }
      memory.put(id, block);
      usedBytes += block.sizeBytes;
      return block;
    }
  }

  /** Gives an admitted block to Spark; returns whether it is kept. */
  private boolean hand(Block block, Set<Block> locked) {
    boolean taken = false;
    boolean inMemory = false;
    try {
      StorageLevel where = levelFor(block, locked);
      if (where.isValid()) {
        taken = spark.put(block.sparkId, block.bytes, where);
        inMemory = taken && spark.holds(block.sparkId, block.bytes);
      }
    } catch (Exception e) { // Spark's too, which Java doesn't know of
      LOG.warn("Spark could not take {} of {} bytes; it is dropped", block, block.sizeBytes, e);
    }
    boolean kept;
    boolean work;
    synchronized (lock) {
      if (!taken) {
        forget(block);
      }
      if (!inMemory) {
        leaveMemory(block);
      }
      kept = taken && (block.inMemory || block.onDisk);
      block.stored = taken;
      block.busy = false;
      settle(block);
      work = hasWork();
    }
    if (work) {
      clean();
    }
    return kept;
  }

  /** Where Spark has room for a block, once older ones have gone; NONE when nowhere. */
  private StorageLevel levelFor(Block block, Set<Block> locked) {
    // Asked anew each time: a query may take what was freed, and then no older block need go.
    while (block.sizeBytes <= spark.limitBytes()) {
      if (spark.freeBytes() >= block.sizeBytes || !evictOldest(locked)) {
        return level; // without a block of ours to go, others' may give way
      }
    }
    return makeDiskRoom(block.sizeBytes) ? StorageLevel.DISK_ONLY() : StorageLevel.NONE();
  }

  /**
   * Takes the least recently used block out of memory.
   *
   * @param locked blocks that Spark is busy with; added to
   * @return false when there is none that could go
   */
  private boolean evictOldest(Set<Block> locked) {
    Block victim;
    synchronized (lock) {
      victim = oldest(memory, locked);
      if (victim == null) {
        return false;
      }
      victim.busy = true;
    }
    boolean toDisk = makeDiskRoom(victim.sizeBytes);
    try {
      if (toDisk && !spark.evict(victim.sparkId, victim.bytes)) {
        locked.add(victim);
      }
    } catch (Exception e) {
      LOG.warn("Moving {} from memory to disk failed; it is dropped", victim, e);
      toDisk = false;
    }
    synchronized (lock) {
      if (!toDisk) {
        forget(victim);
      }
      victim.busy = false;
      settle(victim);
    }
    clean();
    return true;
  }

  /** Drops the least recently used blocks on disk until there is room for some bytes; returns whether there is. */
  private boolean makeDiskRoom(long sizeBytes) {
    if (sizeBytes > maxDiskBytes) {
      return false;
    }
    for (boolean cleaned = false; ; cleaned = true) {
      synchronized (lock) {
        if (sizeBytes <= maxDiskBytes - diskBytes) {
          return true;
        }
        Block oldest = cleaned ? oldest(disk, Set.of()) : null;
        if (oldest != null) {
          forget(oldest);
          settle(oldest);
        } else if (cleaned) {
          return false;
        }
      }
      clean();
    }
  }

  private static @Nullable Block oldest(Map<Long, Block> blocks, Set<Block> except) {
    for (Block block : blocks.values()) {
      if (block.idle() && !except.contains(block)) {
        return block;
      }
    }
    return null;
  }

  // ---- reading

  @Override
  public @Nullable HostBlock get(long id) {
    Block block;
    synchronized (lock) {
      block = closed ? null : find(id);
      if (block == null || !block.stored) {
        return null;
      }
      block.readers++;
    }
    boolean locked = false;
    HostBlock reading = null;
    try {
      locked = spark.lockForReading(block.sparkId);
      if (locked && isInMemory(block)) {
        spark.holds(block.sparkId, block.bytes); // for Spark's order of use
        reading = new Resident(block);
      } else if (locked) {
        reading = readBack(block);
      }
      if (reading == null) {
        synchronized (lock) {
          forget(block);
        }
      }
    } finally {
      if (!(reading instanceof Resident)) {
        release(block, locked);
      }
    }
    return reading;
  }

  private boolean isInMemory(Block block) {
    synchronized (lock) {
      return block.inMemory;
    }
  }

  private @Nullable HostBlock readBack(Block block) {
    HostBuffer buffer = buffers.apply(block.sizeBytes);
    boolean whole = false;
    try {
      whole = spark.read(block.sparkId, buffer);
    } catch (Exception e) {
      LOG.warn("Reading {} back from disk failed; it is dropped", block, e);
    } finally {
      if (!whole) {
        buffer.close();
      }
    }
    if (!whole) {
      return null;
    }
    synchronized (lock) {
      usedBytes += block.sizeBytes;
    }
    return new Copy(buffer, block.sizeBytes, spark.claim(block.sparkId, block.sizeBytes));
  }

  private void release(Block block, boolean locked) {
    if (locked) {
      try {
        spark.unlock(block.sparkId);
      } catch (Exception e) { // Spark has stopped, and its locks are gone
        LOG.debug("Unlocking {} failed", block, e);
      }
    }
    boolean work;
    synchronized (lock) {
      block.readers--;
      settle(block);
      work = hasWork();
    }
    if (work) {
      cleanSoon();
    }
  }

  /** A block in memory, locked in Spark. */
  private final class Resident implements HostBlock {
    private final Block block;
    private final AtomicBoolean done = new AtomicBoolean();

    Resident(Block block) {
      this.block = block;
    }

    @Override
    public HostBuffer buffer() {
      return block.buffer;
    }

    @Override
    public void close() {
      if (done.compareAndSet(false, true)) {
        release(block, true);
      }
    }
  }

  /** What was read back from disk. */
  private final class Copy implements HostBlock {
    private final HostBuffer buffer;
    private final long sizeBytes;
    private final boolean claimed;
    private final AtomicBoolean done = new AtomicBoolean();

    Copy(HostBuffer buffer, long sizeBytes, boolean claimed) {
      this.buffer = buffer;
      this.sizeBytes = sizeBytes;
      this.claimed = claimed;
    }

    @Override
    public HostBuffer buffer() {
      return buffer;
    }

    @Override
    public void close() {
      if (!done.compareAndSet(false, true)) {
        return;
      }
      buffer.close();
      synchronized (lock) {
        usedBytes -= sizeBytes;
      }
      if (claimed) {
        spark.giveBack(sizeBytes);
      }
    }
  }

  // ---- dropping

  @Override
  public void remove(long id) {
    synchronized (lock) {
      Block block = find(id);
      if (block == null) {
        return;
      }
      forget(block);
      settle(block);
    }
    cleanSoon();
  }

  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      List<Block> all = new ArrayList<>(memory.values());
      all.addAll(disk.values());
      for (Block block : all) {
        forget(block);
        settle(block);
      }
    }
    clean();
    janitor.shutdown();
  }

  private void clean() {
    synchronized (cleaning) {
      for (Block block = next(toRemove); block != null; block = next(toRemove)) {
        removeFromSpark(block);
      }
      for (Block block = next(toClose); block != null; block = next(toClose)) {
        block.buffer.close();
        synchronized (lock) {
          usedBytes -= block.sizeBytes;
        }
      }
    }
  }

  private @Nullable Block next(Queue<Block> queue) {
    synchronized (lock) {
      return queue.poll();
    }
  }

  private void removeFromSpark(Block block) {
    boolean stored;
    synchronized (lock) {
      stored = block.stored;
    }
    try {
      if (stored) {
        spark.remove(block.sparkId);
      }
    } catch (Exception e) { // Spark is stopping, or the driver can't be told
      LOG.debug("Removing {} failed", block, e);
    }
    synchronized (lock) {
      if (block.onDisk) {
        block.onDisk = false;
        diskBytes -= block.sizeBytes;
      }
      indices.free(block.sparkId);
    }
  }

  /** For any thread that holds no lock of Spark's. */
  private void cleanSoon() {
    boolean inline;
    synchronized (lock) {
      inline = closed;
    }
    if (inline) {
      clean();
    } else {
      wake();
    }
  }

  /** For any thread. */
  private void wake() {
    if (woken.compareAndSet(false, true)) {
      try {
        janitor.execute(this::tidy);
      } catch (RejectedExecutionException e) {
        LOG.trace("The tier is closed; what is left is closed by its readers", e);
      }
    }
  }

  private void tidy() {
    woken.set(false);
    clean();
    boolean trim;
    synchronized (lock) {
      trim = trimDisk;
      trimDisk = false;
    }
    if (trim) {
      makeDiskRoom(maxDiskBytes / 8);
    }
  }

  // ---- under the lock

  private @Nullable Block find(long id) {
    Block block = memory.get(id);
    return block == null ? disk.get(id) : block;
  }

  private void leaveMemory(Block block) {
    if (!block.inMemory) {
      return;
    }
    block.inMemory = false;
    memory.remove(block.id, block);
    if (block.onDisk && !block.removed) {
      disk.put(block.id, block);
    } else {
      block.removed = true;
    }
  }

  private void forget(Block block) {
    block.removed = true;
    memory.remove(block.id, block);
    disk.remove(block.id, block);
  }

  /** Queues what is left to do for a block that nobody uses. */
  private void settle(Block block) {
    if (!block.idle()) {
      return;
    }
    if (!block.inMemory && !block.closing) {
      block.closing = true;
      toClose.add(block);
    }
    if (block.removed && !block.removing) {
      block.removing = true;
      toRemove.add(block);
    }
  }

  private boolean hasWork() {
    return !toRemove.isEmpty() || !toClose.isEmpty();
  }

  private void countSparksDoing(Block block) {
    if (block.onDisk) {
      spilledBlocks++;
      spilledBytes += block.sizeBytes;
      trimDisk = true;
    } else {
      droppedBlocks++;
      droppedBytes += block.sizeBytes;
    }
  }

  // ---- figures

  @Override
  public long usedBytes() {
    synchronized (lock) {
      return usedBytes;
    }
  }

  @Override
  public long diskBytes() {
    synchronized (lock) {
      return diskBytes;
    }
  }

  /** What Spark did on its own. */
  public SparkTierStats stats() {
    synchronized (lock) {
      return new SparkTierStats(spilledBlocks, spilledBytes, droppedBlocks, droppedBytes);
    }
  }
}
