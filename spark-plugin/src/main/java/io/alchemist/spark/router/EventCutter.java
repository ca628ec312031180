package io.alchemist.spark.router;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Lets whole server-sent events through and holds back the beginning of the next, which a client could not use anyway. So
 * when the executor breaks off, what the client has ends with an event, and an error event can follow. An event longer than
 * {@link #MAX_HELD_BYTES} passes in pieces. One event loop only.
 */
final class EventCutter {
  static final int MAX_HELD_BYTES = 64 << 10;
  private static final byte NEWLINE = '\n';

  private ByteBuf held = Unpooled.EMPTY_BUFFER;
  private boolean betweenEvents = true;

  /** Takes bytes over; returns those that may be sent, which the caller releases. */
  ByteBuf add(ByteBuf bytes) {
    ByteBuf all = bytes;
    if (held.isReadable()) {
      all = Unpooled.buffer(held.readableBytes() + bytes.readableBytes());
      all.writeBytes(held).writeBytes(bytes);
      bytes.release();
      held = Unpooled.EMPTY_BUFFER;
    }
    int end = endOfLastEvent(all);
    int rest = all.writerIndex() - end;
    if (rest > MAX_HELD_BYTES) {
      betweenEvents = false;
      return all;
    }
    if (rest > 0) {
      held = Unpooled.copiedBuffer(all.slice(end, rest));
      all.writerIndex(end);
    }
    betweenEvents |= all.isReadable();
    return all;
  }

  /** What is still held, at the end of the stream. */
  ByteBuf rest() {
    ByteBuf rest = held;
    held = Unpooled.EMPTY_BUFFER;
    return rest;
  }

  /** What has to be sent before another event can be. */
  ByteBuf separator() {
    return betweenEvents
        ? Unpooled.EMPTY_BUFFER
        : Unpooled.wrappedBuffer(new byte[] {NEWLINE, NEWLINE});
  }

  private static int endOfLastEvent(ByteBuf bytes) {
    for (int i = bytes.writerIndex() - 1; i > bytes.readerIndex(); i--) {
      if (bytes.getByte(i) == NEWLINE && bytes.getByte(i - 1) == NEWLINE) {
        return i + 1;
      }
    }
    return bytes.readerIndex();
  }
}
