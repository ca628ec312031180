package io.alchemist.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * An open file that is read by position. Positional reads rather than a mapping: they work beyond 2 GiB, a file cut short
 * while it is open gives an error rather than a fault of the process, and closing really lets go of it. Interrupting a
 * reading thread closes the file. Safe for concurrent readers.
 */
final class ByteFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final long size;

  private ByteFile(Path path, FileChannel channel, long size) {
    this.path = path;
    this.channel = channel;
    this.size = size;
  }

  /** @throws ModelFileException when there is no such regular file */
  static ByteFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new ModelFileException(
          path,
          "there is no such file",
          "the model can't be read without it",
          "Check the path, and that the download is complete");
    }
    try {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return new ByteFile(path, channel, channel.size());
      } catch (IOException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Can't open " + path, e);
    }
  }

  Path path() {
    return path;
  }

  /** Length when it was opened. */
  long size() {
    return size;
  }

  /**
   * Reads until {@code length} bytes lie in {@code into} from index 0.
   *
   * @throws ModelFileException when the file ends before
   */
  void read(long position, byte[] into, int length) {
    ByteBuffer buffer = ByteBuffer.wrap(into, 0, length);
    try {
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, position + buffer.position()) < 0) {
          throw ModelFileException.damaged(
              path,
              "the file ends at byte " + (position + buffer.position()),
              length + " bytes were to be read from byte " + position);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Can't read " + path, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException("Can't close " + path, e);
    }
  }
}
