package io.alchemist.text;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Loads the native tokenizer library, once per process, from the copy inside its jar. It unpacks into the directory that
 * the system property {@value #CACHE_PROPERTY} names; by default {@code alchemist-native-<user>} in {@code
 * java.io.tmpdir}, which must belong to the user of this process. The library's own settings ({@code ENGINE_CACHE_DIR},
 * {@code DJL_CACHE_DIR}) are respected where given. Downloads and usage reports of the library are turned off.
 */
final class NativeLibrary {
  static final String CACHE_PROPERTY = "alchemist.native.cache";

  private static boolean loaded;

  private NativeLibrary() {}

  /**
   * Loads the library if it is not loaded yet.
   *
   * @throws IllegalStateException when the platform has none or it can't be unpacked
   */
  static synchronized void load() {
    if (loaded) {
      return;
    }
    setUnlessSet("ai.djl.offline", "true");
    setUnlessSet("OPT_OUT_TRACKING", "true");
    if (System.getenv("ENGINE_CACHE_DIR") == null
        && System.getenv("DJL_CACHE_DIR") == null
        && System.getProperty("DJL_CACHE_DIR") == null
        && System.getProperty("ENGINE_CACHE_DIR") == null) {
      System.setProperty("ENGINE_CACHE_DIR", cacheDirectory().toString());
    }
    try {
      LibUtils.checkStatus();
    } catch (RuntimeException | LinkageError e) {
      throw new IllegalStateException(
          "The native tokenizer library can't be loaded: " + e.getMessage()
              + ". It exists for Linux and macOS on x86-64 and arm64 with glibc and needs a writable directory:"
              + " set -D" + CACHE_PROPERTY + "=DIR to one.",
          e);
    }
    loaded = true;
  }

  private static void setUnlessSet(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  private static Path cacheDirectory() {
    String configured = System.getProperty(CACHE_PROPERTY);
    Path directory = configured != null
        ? Path.of(configured)
        : Path.of(
            System.getProperty("java.io.tmpdir"),
            "alchemist-native-" + System.getProperty("user.name", "user").replaceAll("\\W", "_"));
    try {
      return configured != null ? Files.createDirectories(directory) : owned(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "The directory " + directory + " for native libraries can't be used: " + e.getMessage()
              + ". Set -D" + CACHE_PROPERTY + "=DIR to a writable one.",
          e);
    }
  }

  /** A directory under a shared one must be ours, or somebody else could put code into it. */
  private static Path owned(Path directory) throws IOException {
    boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    FileAttribute<?>[] attributes = posix
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
    Files.createDirectories(directory, attributes);
    Path probe = Files.createTempFile(directory, "owner", null);
    try {
      if (!Files.getOwner(probe).equals(Files.getOwner(directory))) {
        throw new IOException("it belongs to " + Files.getOwner(directory));
      }
    } finally {
      Files.delete(probe);
    }
    return directory;
  }
}
