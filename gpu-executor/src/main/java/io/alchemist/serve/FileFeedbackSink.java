package io.alchemist.serve;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Feedback in a file of JSON lines. Its own thread writes: all that came while it was forcing the last group to the disk
 * goes into the next one, so that many appends cost one force. Stages are completed on that thread, and what hangs on
 * them must not block.
 *
 * <p>What was answered as stored survives the loss of the process and of the machine. A line that a loss tore is cut off
 * when the file is opened again; nobody was told that it was stored. The same feedback may be appended twice, when a
 * client repeats it: {@link #read} gives it once.
 *
 * <p>After a failed force nobody knows what is on the disk, so the sink refuses everything from then on. After a failed
 * write (a full disk) the file is cut back to what was forced, and the sink goes on.
 *
 * <p>Thread-safe. One process at a time holds the file.
 */
public final class FileFeedbackSink implements FeedbackSink {
  private static final Logger LOG = LoggerFactory.getLogger(FileFeedbackSink.class);
  private static final int BLOCK_BYTES = 64 << 10;
  private static final int GROUP_BYTES = 4 << 20;

  /** Ends the queue. */
  private static final Entry END = new Entry(new byte[0]);

  private final Path path;
  private final FileChannel file;
  private final int capacity;
  private final BlockingQueue<Entry> queue;
  private final Thread thread;
  private final Object admission = new Object();
  private boolean closed; // guarded by admission
  private volatile @Nullable IOException failure;
  private long forcedBytes; // of the writer's thread

  private FileFeedbackSink(Path path, FileChannel file, int capacity) throws IOException {
    this.path = path;
    this.file = file;
    this.capacity = capacity;
    // One place more, for the end.
    this.queue = new ArrayBlockingQueue<>(capacity + 1);
    this.forcedBytes = file.size();
    this.thread = new Thread(this::write, "alchemist-feedback");
    thread.setDaemon(true);
  }

  /**
   * Opens or creates the file and cuts off a torn last line.
   *
   * @param capacity how many feedbacks may wait to be written; more are refused as BUSY
   * @throws IOException if it cannot be opened, or another sink holds it
   */
  public static FileFeedbackSink open(Path path, int capacity) throws IOException {
    if (capacity < 1) {
      throw new IllegalArgumentException("capacity = " + capacity + " is less than 1.");
    }
    Path absolute = path.toAbsolutePath();
    Path directory = absolute.getParent();
    if (directory != null) {
      Files.createDirectories(directory);
    }
    FileChannel file = FileChannel.open(
        absolute, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      lock(absolute, file);
      cutTornLine(absolute, file);
      file.position(file.size());
      if (directory != null) {
        forceDirectory(directory);
      }
      return start(absolute, file, capacity);
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** Writes to a file that is open, at its position. */
  static FileFeedbackSink start(Path path, FileChannel file, int capacity) throws IOException {
    FileFeedbackSink sink = new FileFeedbackSink(path, file, capacity);
    sink.thread.start();
    return sink;
  }

  /**
   * All feedback in the file, each id once, in the order of their first appearance. Lines that hold none are left out
   * with a warning.
   */
  public static List<Feedback> read(Path path) throws IOException {
    Map<String, Feedback> byId = new LinkedHashMap<>();
    long number = 0;
    // Unlike Files.newBufferedReader this goes on after bytes that are no UTF-8.
    try (BufferedReader lines = new BufferedReader(
        new InputStreamReader(Files.newInputStream(path), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        Feedback feedback = FeedbackLines.decode(line);
        if (feedback == null) {
          LOG.warn("Line {} of {} is no feedback and is left out.", number, path);
        } else {
          byId.putIfAbsent(feedback.id(), feedback);
        }
      }
    }
    return List.copyOf(byId.values());
  }

  /** {@inheritDoc} Fails with {@link RequestException}: BUSY when the queue is full, UNAVAILABLE once it is closed. */
  @Override
  public CompletionStage<Void> append(Feedback feedback) {
    Entry entry = new Entry(FeedbackLines.encode(feedback));
    IOException broken = failure;
    if (broken != null) {
      return CompletableFuture.failedFuture(unavailable("it failed before (" + broken + ")"));
    }
    synchronized (admission) {
      if (closed) {
        return CompletableFuture.failedFuture(unavailable("it is closed"));
      }
      if (queue.size() >= capacity || !queue.offer(entry)) {
        return CompletableFuture.failedFuture(new RequestException(
            RequestException.Kind.BUSY,
            "feedback_queue_full",
            null,
            "Already " + capacity + " feedbacks wait to be written; send it again later."));
      }
    }
    return entry.done;
  }

  /** Writes what was taken, then closes the file. Waits for that; calls after the first do nothing more. */
  @Override
  public void close() {
    synchronized (admission) {
      if (!closed) {
        closed = true;
        queue.add(END);
      }
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        // The promise to those who wait is kept first.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private RequestException unavailable(String why) {
    return new RequestException(
        RequestException.Kind.UNAVAILABLE,
        "feedback_unavailable",
        null,
        "The feedback file " + path.getFileName() + " takes no more: " + why + ".");
  }

  private void write() {
    try (file) {
      List<Entry> group = new ArrayList<>();
      boolean open = true;
      while (open) {
        group.clear();
        open = next(group);
        commit(group);
      }
    } catch (InterruptedException | IOException e) {
      LOG.error("The feedback file {} was not closed cleanly.", path, e);
    }
  }

  /** Waits for the next group; false where it is the last. */
  private boolean next(List<Entry> group) throws InterruptedException {
    long bytes = 0;
    Entry entry = queue.take();
    while (entry != null && entry != END) {
      group.add(entry);
      bytes += entry.line.length;
      entry = bytes < GROUP_BYTES ? queue.poll() : null;
    }
    return entry != END;
  }

  private void commit(List<Entry> group) {
    if (group.isEmpty()) {
      return;
    }
    try {
      IOException broken = failure;
      if (broken != null) {
        throw broken;
      }
      append(group);
    } catch (IOException | RuntimeException e) {
      LOG.error("{} feedbacks were not stored in {}.", group.size(), path, e);
      group.forEach(entry -> entry.done.completeExceptionally(e));
      return;
    }
    group.forEach(entry -> entry.done.complete(null));
  }

  private void append(List<Entry> group) throws IOException {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    for (Entry entry : group) {
      lines.writeBytes(entry.line);
    }
    try {
      ByteBuffer bytes = ByteBuffer.wrap(lines.toByteArray());
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
    } catch (IOException e) {
      cutBack(e);
      throw e;
    }
    try {
      file.force(false);
    } catch (IOException e) {
      failure = e;
      throw e;
    }
    forcedBytes += lines.size();
  }

  /** A half-written line must not become the beginning of the next one. */
  private void cutBack(IOException cause) {
    try {
      file.truncate(forcedBytes);
      file.position(forcedBytes);
    } catch (IOException e) {
      cause.addSuppressed(e);
      failure = cause;
    }
  }

  private static void lock(Path path, FileChannel file) throws IOException {
    try {
      if (file.tryLock() != null) {
        return;
      }
    } catch (OverlappingFileLockException e) {
      LOG.debug("Held in this process", e);
    }
    throw new IOException("The feedback file " + path
        + " is held by another engine; give each engine a file of its own.");
  }

  private static void cutTornLine(Path path, FileChannel file) throws IOException {
    long size = file.size();
    long whole = endOfLastLine(file, size);
    if (whole < size) {
      LOG.warn("Cut off {} bytes of a torn last line of {}.", size - whole, path);
      file.truncate(whole);
      file.force(true);
    }
  }

  /** The offset after the last line feed, 0 where there is none. */
  private static long endOfLastLine(FileChannel file, long size) throws IOException {
    ByteBuffer block = ByteBuffer.allocate(BLOCK_BYTES);
    long end = size;
    while (end > 0) {
      long start = Math.max(0, end - BLOCK_BYTES);
      block.clear().limit((int) (end - start));
      while (block.hasRemaining() && file.read(block, start + block.position()) >= 0) {}
      for (int i = block.position() - 1; i >= 0; i--) {
        if (block.get(i) == '\n') {
          return start + i + 1;
        }
      }
      end = start;
    }
    return 0;
  }

  /** Makes a new file's name durable; some systems cannot open directories, and need not. */
  private static void forceDirectory(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      LOG.debug("The directory {} cannot be forced.", directory, e);
    }
  }

  /** A line on its way. */
  private static final class Entry {
    final byte[] line;
    final CompletableFuture<Void> done = new CompletableFuture<>();

    Entry(byte[] line) {
      this.line = line;
    }
  }
}
