package io.alchemist.spark.internal;

import io.alchemist.cache.HostBlock;
import io.alchemist.cache.HostTier;
import io.alchemist.spark.internal.BlockTable.Block;
import io.alchemist.tensor.HostBuffer;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
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
 * The one lock of its own is {@link BlockTable}'s, inside of which Spark is never called.
 *
 * <p>Longer than most classes by the ways in which putting and reading can go wrong. What is where is in {@link BlockTable}.
 */
public final class SparkHostTier implements HostTier {
  static final Logger LOG = LoggerFactory.getLogger(SparkHostTier.class);
  private static final StorageLevel MEMORY_ONLY = StorageLevel.apply(false, true, true, false, 1);

  private final SparkBlocks spark;
  private final BlockTable table;
  private final long maxHostBytes;
  private final long maxDiskBytes;
  private final LongFunction<HostBuffer> buffers;
  private final StorageLevel level;
  /** Held while queued blocks are removed and closed, so that whoever waits for room finds it afterwards. */
  private final Object cleaning = new Object();

  private final AtomicBoolean woken = new AtomicBoolean();
  private final ThreadPoolExecutor janitor;

  private SparkHostTier(
      SparkBlocks spark,
      BlockIndices indices,
      long maxHostBytes,
      long maxDiskBytes,
      LongFunction<HostBuffer> buffers) {
    if (maxHostBytes < 0 || maxDiskBytes < 0) {
      throw new IllegalArgumentException("Limits of the host tier can't be negative: memory "
          + maxHostBytes + ", disk " + maxDiskBytes);
    }
    this.spark = spark;
    this.table = new BlockTable(indices, maxHostBytes, maxDiskBytes, this::wake);
    this.maxHostBytes = maxHostBytes;
    this.maxDiskBytes = maxDiskBytes;
    this.buffers = buffers;
    this.level = maxDiskBytes > 0 ? StorageLevel.OFF_HEAP() : MEMORY_ONLY;
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
        BlockIndices.of(rddId, env.executorId()),
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
    Block block = table.reserve(id, buffer);
    if (block == null && buffer.sizeBytes() <= maxHostBytes) {
      clean();
      block = table.reserve(id, buffer);
      while (block == null && evictOldest(locked)) {
        block = table.reserve(id, buffer);
      }
    }
    return block;
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
    boolean kept = table.put(block, taken, inMemory);
    if (table.hasWork()) {
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
    Block victim = table.victim(locked);
    if (victim == null) {
      return false;
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
    table.evicted(victim, !toDisk);
    clean();
    return true;
  }

  /** Drops the least recently used blocks on disk until there is room for some bytes; returns whether there is. */
  private boolean makeDiskRoom(long sizeBytes) {
    if (sizeBytes > maxDiskBytes) {
      return false;
    }
    if (!table.diskHas(sizeBytes)) {
      clean();
    }
    while (!table.diskHas(sizeBytes)) {
      if (!table.dropOldestOnDisk()) {
        return false;
      }
      clean();
    }
    return true;
  }

  // ---- reading

  @Override
  public @Nullable HostBlock get(long id) {
    Block block = table.use(id);
    if (block == null) {
      return null;
    }
    boolean locked = false;
    HostBlock reading = null;
    try {
      locked = spark.lockForReading(block.sparkId);
      if (locked && table.isInMemory(block)) {
        spark.holds(block.sparkId, block.bytes); // for Spark's order of use
        reading = new Resident(block);
      } else if (locked) {
        reading = readBack(block);
      }
      if (reading == null) {
        table.drop(block);
      }
    } finally {
      if (!(reading instanceof Resident)) {
        release(block, locked);
      }
    }
    return reading;
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
    table.countReadBack(block.sizeBytes);
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
    table.release(block);
    if (table.hasWork()) {
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
      if (done.compareAndSet(false, true)) {
        buffer.close();
        table.countReadBack(-sizeBytes);
        if (claimed) {
          spark.giveBack(sizeBytes);
        }
      }
    }
  }

  // ---- dropping

  @Override
  public boolean has(long id) {
    return table.has(id);
  }

  @Override
  public boolean isOnDisk(long id) {
    return table.isOnDisk(id);
  }

  @Override
  public void remove(long id) {
    if (table.drop(id)) {
      cleanSoon();
    }
  }

  @Override
  public void close() {
    table.close();
    clean();
    janitor.shutdown();
  }

  private void clean() {
    synchronized (cleaning) {
      for (Block b = table.nextToRemove(); b != null; b = table.nextToRemove()) {
        try {
          if (table.wasTaken(b)) {
            spark.remove(b.sparkId);
          }
        } catch (Exception e) { // Spark is stopping, or the driver can't be told
          LOG.debug("Removing {} failed", b, e);
        }
        table.removed(b);
      }
      for (Block b = table.nextToClose(); b != null; b = table.nextToClose()) {
        b.buffer.close();
        table.closed(b);
      }
    }
  }

  /** For any thread that holds no lock of Spark's. */
  private void cleanSoon() {
    if (table.isClosed()) {
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
    if (table.pollSpilledBySpark()) {
      makeDiskRoom(maxDiskBytes / 8);
    }
  }

  // ---- figures

  @Override
  public long usedBytes() {
    return table.usedBytes();
  }

  @Override
  public long diskBytes() {
    return table.diskBytes();
  }

  /** What Spark did on its own. */
  public SparkTierStats stats() {
    return table.stats();
  }
}
