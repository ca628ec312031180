package io.alchemist.files;

import java.nio.charset.StandardCharsets;

/**
 * Reads the head of a GGUF file value by value, little-endian, through a window. Every length is compared with what is
 * left of the file before anything of that size is allocated.
 */
final class GgufCursor {
  private static final int WINDOW = 1 << 16;
  private static final int MAX_STRING_BYTES = 64 << 20;

  private final ByteFile file;
  private final byte[] window = new byte[WINDOW];
  private long windowStart;
  private int windowLength;
  private long position;

  GgufCursor(ByteFile file) {
    this.file = file;
  }

  long position() {
    return position;
  }

  int int8() {
    return window[advance(1)];
  }

  int int16() {
    return PlainBlocks.bits16(window, advance(2));
  }

  int int32() {
    int at = advance(4);
    return (PlainBlocks.bits16(window, at) & 0xffff) | (PlainBlocks.bits16(window, at + 2) << 16);
  }

  long uint32() {
    return Integer.toUnsignedLong(int32());
  }

  long int64() {
    return PlainBlocks.bits64(window, advance(8));
  }

  /** A count of things that take at least so many bytes each, checked against what is left of the file. */
  int count(String what, int bytesEach, int most) {
    long count = int64();
    if (count < 0 || count > most || count > (file.size() - position) / bytesEach) {
      throw ModelFileException.damaged(
          file.path(),
          "it claims " + Long.toUnsignedString(count) + " " + what,
          "after byte " + position + " the file has " + (file.size() - position)
              + " bytes, and there are at most " + most);
    }
    return (int) count;
  }

  /** A length in bytes and so much UTF-8. */
  String string() {
    int length = count("bytes of a string", 1, MAX_STRING_BYTES);
    if (length <= WINDOW) {
      return new String(window, advance(length), length, StandardCharsets.UTF_8);
    }
    byte[] text = new byte[length];
    file.read(position, text, length);
    position += length;
    return new String(text, StandardCharsets.UTF_8);
  }

  /** Makes the next bytes lie in the window, goes past them, and answers where in the window they are. */
  private int advance(int bytes) {
    if (bytes > file.size() - position) {
      throw ModelFileException.damaged(
          file.path(),
          "the file ends at byte " + file.size(),
          "its head goes on after byte " + position);
    }
    if (position < windowStart || position + bytes > windowStart + windowLength) {
      windowStart = position;
      windowLength = (int) Math.min(WINDOW, file.size() - position);
      file.read(windowStart, window, windowLength);
    }
    int at = (int) (position - windowStart);
    position += bytes;
    return at;
  }
}
