package io.alchemist.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What is being written lies under a hidden name beside its final one and is renamed when it is whole, so that a process
 * killed in between leaves nothing half under a name that is read.
 */
final class Temporaries {
  private Temporaries() {}

  /** A name in the same directory that nothing has; its parent directories are created. */
  static Path beside(Path target) {
    Path absolute = target.toAbsolutePath();
    Path parent = absolute.getParent();
    if (parent == null) {
      throw new IllegalArgumentException(target + " is a root directory. Name one inside it.");
    }
    try {
      Files.createDirectories(parent);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't create " + parent, e);
    }
    return parent.resolve("." + absolute.getFileName() + "." + UUID.randomUUID() + ".tmp");
  }

  /** Gives it its final name, which replaces a file but not a directory that has anything in it. */
  static void publish(Path temporary, Path target) throws IOException {
    Files.move(temporary, target.toAbsolutePath(), StandardCopyOption.ATOMIC_MOVE);
    Path parent = target.toAbsolutePath().getParent();
    if (parent != null) {
      force(parent);
    }
  }

  /** Fills a directory. */
  @FunctionalInterface
  interface Content {
    void write(Path directory) throws IOException;
  }

  /**
   * Writes a new directory, which appears under its name only when it is whole and on disk.
   *
   * @param what is in it, for the error
   * @throws ModelFileException when there is something of that name
   */
  static void writeDirectory(Path target, String what, Content content) {
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new ModelFileException(
          target,
          "it exists already",
          what + " that was written is never changed, for others may be reading it",
          "Choose another name, or delete it first");
    }
    Path temporary = beside(target);
    try {
      Files.createDirectory(temporary);
      content.write(temporary);
      publish(temporary, target);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't write " + target, e);
    } finally {
      discard(temporary);
    }
  }

  /** Brings a file's bytes, or a directory's names, to the disk. */
  static void force(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Deletes it with what is in it, if it is still there. */
  static void discard(Path temporary) {
    try {
      if (Files.isDirectory(temporary)) {
        try (Stream<Path> children = Files.list(temporary)) {
          for (Path child : children.toList()) {
            Files.delete(child);
          }
        }
      }
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't delete " + temporary, e);
    }
  }
}
