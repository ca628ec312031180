package io.alchemist.cache;

import io.alchemist.tensor.HostBuffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Blocks in files of one directory, up to a number of bytes; the oldest make room for new ones. Nothing outlives the process:
 * files go when they are dropped and on close, and those a killed process left go at start. Nothing is trusted either: a file
 * that is short, damaged or another's is a miss, with a line in the log.
 *
 * <p>A file is a header of {@value #HEADER_BYTES} bytes (magic, id, length, CRC32C of the bytes; big-endian) and the bytes.
 *
 * <p>Thread-safe: one lock over the index, never held during reading, writing or deleting.
 */
public final class DiskTier implements AutoCloseable {
  static final int HEADER_BYTES = 32;
  private static final long MAGIC = 0x414c43484b560001L;
  private static final String LOCK_FILE = "alchemist-blocks.lock";
  private static final Pattern BLOCK_FILE = Pattern.compile("alchemist-[0-9a-f]{16}\\.block");
  private static final Logger LOG = LoggerFactory.getLogger(DiskTier.class);

  private record Stored(Path file, long sizeBytes, int crc) {
    long fileBytes() {
      return sizeBytes + HEADER_BYTES;
    }
  }

  private final Path directory;
  private final long limitBytes;
  private final FileChannel lockChannel;
  private final Object lock = new Object();
  /** Oldest first. */
  private final Map<Long, Stored> index = new LinkedHashMap<>();
  /** Out of the index; their files are deleted by the next call that uses the disk anyway. */
  private final List<Stored> garbage = new ArrayList<>();

  private long usedBytes;
  private boolean closed;

  /**
   * Makes the directory where needed and removes block files left in it by a process that was killed.
   *
   * @param directory for this tier alone; files that are not blocks are left alone
   * @throws IllegalStateException when another tier, of this process or another, uses the directory
   * @throws UncheckedIOException when the directory can't be written
   */
  public DiskTier(Path directory, long limitBytes) {
    if (limitBytes < 0) {
      throw new IllegalArgumentException("Limit of the disk tier is negative: " + limitBytes);
    }
    this.directory = directory;
    this.limitBytes = limitBytes;
    try {
      Files.createDirectories(directory);
      lockChannel = FileChannel.open(
          directory.resolve(LOCK_FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Can't use " + directory
              + " to spill host memory to; name a directory that can be written",
          e);
    }
    try {
      takeDirectory();
    } catch (RuntimeException e) {
      closeQuietly(lockChannel);
      throw e;
    }
  }

  private void takeDirectory() {
    try {
      FileLock held = null;
      try {
        held = lockChannel.tryLock();
      } catch (OverlappingFileLockException e) {
        LOG.debug("{} is locked by this process", directory, e);
      }
      if (held == null) {
        throw new IllegalStateException("Directory " + directory
            + " is in use by another engine's disk tier; give each engine a directory of its own");
      }
      int leftovers = 0;
      try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
        for (Path file : files) {
          if (isBlock(file)) {
            Files.deleteIfExists(file);
            leftovers++;
          }
        }
      }
      if (leftovers > 0) {
        LOG.info("Removed {} blocks that an earlier process left in {}", leftovers, directory);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Can't clear " + directory + " of earlier blocks; delete its files or name another", e);
    }
  }

  /** By name and by magic, so that nobody else's file is deleted. An empty file of that name was cut off at its start. */
  private static boolean isBlock(Path file) throws IOException {
    if (!BLOCK_FILE.matcher(file.getFileName().toString()).matches()
        || !Files.isRegularFile(file)) {
      return false;
    }
    ByteBuffer magic = ByteBuffer.allocate(Long.BYTES);
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      return in.size() == 0 || (readFully(in, magic) && magic.flip().getLong() == MAGIC);
    }
  }

  /**
   * Writes a block; the buffer stays the caller's. Older blocks are dropped where the room is needed.
   *
   * @return false when it is larger than the tier or could not be written
   */
  public boolean store(long id, HostBuffer block) {
    long size = block.sizeBytes();
    Stored stored = new Stored(fileOf(id), size, crc(block.bytes()));
    synchronized (lock) {
      if (closed || stored.fileBytes() > limitBytes || index.containsKey(id)) {
        return false;
      }
      Iterator<Stored> oldest = index.values().iterator();
      long garbageBytes = garbage.stream().mapToLong(Stored::fileBytes).sum();
      while (usedBytes - garbageBytes + stored.fileBytes() > limitBytes && oldest.hasNext()) {
        Stored dropped = oldest.next();
        oldest.remove();
        garbage.add(dropped);
        garbageBytes += dropped.fileBytes();
      }
      usedBytes += stored.fileBytes();
    }
    sweep();
    try {
      write(id, stored, block.bytes());
    } catch (IOException e) {
      LOG.warn("Could not spill {} bytes to {}; the block is dropped", size, stored.file, e);
      drop(stored);
      return false;
    }
    synchronized (lock) {
      if (!closed) {
        index.put(id, stored);
        return true;
      }
    }
    drop(stored);
    return false;
  }

  private static void write(long id, Stored stored, ByteBuffer bytes) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES)
        .putLong(MAGIC)
        .putLong(id)
        .putLong(stored.sizeBytes)
        .putLong(stored.crc)
        .flip();
    try (FileChannel out = FileChannel.open(
        stored.file,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE)) {
      while (header.hasRemaining()) {
        out.write(header);
      }
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    }
  }

  /** Reads a block into a new buffer, which is the caller's; null when it is gone or damaged, which drops it. */
  public @Nullable HostBuffer load(long id, LongFunction<HostBuffer> buffers) {
    sweep();
    Stored stored;
    synchronized (lock) {
      stored = index.get(id);
    }
    if (stored == null) {
      return null;
    }
    HostBuffer buffer = buffers.apply(stored.sizeBytes);
    String problem;
    try {
      problem = read(id, stored, buffer);
    } catch (IOException e) {
      problem = e.toString();
    }
    if (problem == null) {
      return buffer;
    }
    buffer.close();
    synchronized (lock) {
      if (!index.remove(id, stored)) {
        return null; // dropped while it was read: an ordinary miss
      }
      garbage.add(stored);
    }
    LOG.warn("Spilled block {} can't be used and is dropped: {}", stored.file, problem);
    return null;
  }

  private static @Nullable String read(long id, Stored stored, HostBuffer buffer)
      throws IOException {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    ByteBuffer bytes = buffer.bytes();
    bytes.limit(Math.toIntExact(stored.sizeBytes));
    try (FileChannel in = FileChannel.open(stored.file, StandardOpenOption.READ)) {
      if (in.size() != stored.fileBytes()) {
        return "it has " + in.size() + " bytes instead of " + stored.fileBytes();
      }
      if (!readFully(in, header) || !readFully(in, bytes)) {
        return "it ends early";
      }
    }
    header.flip();
    if (header.getLong() != MAGIC
        || header.getLong() != id
        || header.getLong() != stored.sizeBytes
        || header.getLong() != stored.crc) {
      return "its header is not the one that was written";
    }
    return crc(bytes.flip()) == stored.crc ? null : "its checksum does not match its contents";
  }

  private static boolean readFully(FileChannel in, ByteBuffer to) throws IOException {
    while (to.hasRemaining()) {
      if (in.read(to) < 0) {
        return false;
      }
    }
    return true;
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  /** Whether a block is there. */
  public boolean has(long id) {
    synchronized (lock) {
      return index.containsKey(id);
    }
  }

  /** Drops a block. Its file is deleted later, so this never waits for the disk. */
  public void remove(long id) {
    synchronized (lock) {
      Stored stored = index.remove(id);
      if (stored != null) {
        garbage.add(stored);
      }
    }
  }

  /** Bytes of the files, those to be deleted included. */
  public long usedBytes() {
    synchronized (lock) {
      return usedBytes;
    }
  }

  private void sweep() {
    List<Stored> dropped;
    synchronized (lock) {
      if (garbage.isEmpty()) {
        return;
      }
      dropped = List.copyOf(garbage);
      garbage.clear();
    }
    dropped.forEach(this::drop);
  }

  private void drop(Stored stored) {
    try {
      Files.deleteIfExists(stored.file);
    } catch (IOException e) {
      LOG.warn("Could not delete {}; it is left behind until the next start", stored.file, e);
    }
    synchronized (lock) {
      usedBytes -= stored.fileBytes();
    }
  }

  private Path fileOf(long id) {
    return directory.resolve(String.format("alchemist-%016x.block", id));
  }

  /** Deletes all files. */
  @Override
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      garbage.addAll(index.values());
      index.clear();
    }
    sweep();
    try {
      Files.deleteIfExists(directory.resolve(LOCK_FILE));
    } catch (IOException e) {
      LOG.debug("The lock file of {} stays", directory, e);
    }
    closeQuietly(lockChannel);
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("Closing a lock file failed", e);
    }
  }
}
