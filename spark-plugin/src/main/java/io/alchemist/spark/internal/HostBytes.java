package io.alchemist.spark.internal;

import io.alchemist.tensor.HostBuffer;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import org.apache.spark.util.io.ChunkedByteBuffer;

/**
 * A host buffer as Spark's memory store wants it: not copied, and whoever owns it hears what becomes of it. Spark calls while
 * it holds its memory lock, on the thread of whatever task needs the memory.
 */
final class HostBytes extends ChunkedByteBuffer {

  /** What happens to the bytes. Must not wait, nor call Spark. */
  interface Fate {
    /**
     * Spark is about to write them to disk.
     *
     * @return false to leave the file empty, since there is no room for it
     */
    boolean writing();

    /** Writing failed; what is on disk is worthless. */
    void writeFailed(Exception why);

    /** Spark's memory holds them no more. May be called again. */
    void dropped();
  }

  private final transient Fate fate;

  /**
   * @param buffer stays with its owner; must lie outside the heap, since Spark would copy it otherwise
   */
  HostBytes(HostBuffer buffer, Fate fate) {
    super(direct(buffer));
    this.fate = fate;
  }

  private static ByteBuffer direct(HostBuffer buffer) {
    ByteBuffer bytes = buffer.bytes();
    if (!bytes.isDirect()) {
      throw new IllegalArgumentException("A host buffer of " + buffer.sizeBytes()
          + " bytes lies on the Java heap; Spark's off-heap memory takes direct buffers only");
    }
    return bytes;
  }

  /** An error here would fail the query that asked for memory, which has no part in it. */
  @Override
  public void writeFully(WritableByteChannel channel) {
    if (!fate.writing()) {
      return;
    }
    try {
      super.writeFully(channel);
    } catch (Exception e) {
      fate.writeFailed(e);
    }
  }

  /** The memory is the owner's to free, so Spark's way of freeing it is not used. */
  @Override
  public void dispose() {
    fate.dropped();
  }
}
