package io.alchemist.spark.rounds;

import io.alchemist.files.PeftDirectory;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.OptimizerState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Adapters of all versions, a PEFT directory each, in the warehouse: on the local disk or on whatever Hadoop's file systems
 * reach. Driver; one thread at a time.
 */
final class AdapterStore {
  private static final String FOLDER = "adapters";

  private final Configuration hadoop;
  private final Path folder;
  private final FileSystem files;
  private final ModelConfig model;
  private final String baseModel;

  /** An adapter with the state of its optimizer, where that was kept. */
  record Stored(AdapterData adapter, Optional<OptimizerState> optimizer) {}

  /**
   * In a warehouse.
   *
   * @param baseModel what the adapters are for, as users of the PEFT library name it
   */
  AdapterStore(Configuration hadoop, String warehouse, ModelConfig model, String baseModel) {
    this.hadoop = hadoop;
    this.folder = new Path(warehouse, FOLDER);
    this.model = model;
    this.baseModel = baseModel;
    try {
      this.files = folder.getFileSystem(hadoop);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't reach the warehouse " + warehouse, e);
    }
  }

  /** Where the adapter of a version is, or will be. */
  String path(long version) {
    return files.makeQualified(new Path(folder, "v" + version)).toString();
  }

  /**
   * Writes an adapter; it appears under its name only when it is whole. One that is there already was written by a round that
   * did not come to its end, so nobody has read it, and is replaced.
   */
  void write(long version, AdapterData adapter, OptimizerState optimizer) {
    Path target = new Path(path(version));
    try {
      files.delete(target, true);
      files.mkdirs(folder);
      if (isLocal(files)) {
        PeftDirectory.write(local(target), adapter, model, baseModel, optimizer);
        return;
      }
      java.nio.file.Path here = Files.createTempDirectory("alchemist-adapter");
      try {
        java.nio.file.Path whole = here.resolve("v" + version);
        PeftDirectory.write(whole, adapter, model, baseModel, optimizer);
        Path partial = new Path(folder, "_v" + version + ".partial");
        files.delete(partial, true);
        files.copyFromLocalFile(false, true, new Path(whole.toUri()), partial);
        if (!files.rename(partial, target)) {
          throw new IOException("Can't rename " + partial + " to " + target);
        }
      } finally {
        deleteRecursively(here);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Can't write the adapter of version " + version + " to " + target, e);
    }
  }

  /** Reads an adapter that {@link #write} wrote, or that somebody put there as the PEFT library does. */
  Stored read(String path) {
    Path from = new Path(path);
    try {
      FileSystem source = from.getFileSystem(hadoop); // it may lie outside of the warehouse
      if (isLocal(source)) {
        return read(local(from));
      }
      java.nio.file.Path here = Files.createTempDirectory("alchemist-adapter");
      try {
        java.nio.file.Path copy = here.resolve("adapter");
        source.copyToLocalFile(from, new Path(copy.toUri()));
        return read(copy);
      } finally {
        deleteRecursively(here);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Can't read the adapter in " + path, e);
    }
  }

  private Stored read(java.nio.file.Path directory) {
    AdapterData adapter = PeftDirectory.read(directory, model);
    return new Stored(adapter, PeftDirectory.readOptimizer(directory, adapter, model));
  }

  private static boolean isLocal(FileSystem files) {
    return files.getUri().getScheme().equals("file");
  }

  private static java.nio.file.Path local(Path path) {
    return java.nio.file.Path.of(path.toUri().getPath());
  }

  private static void deleteRecursively(java.nio.file.Path directory) {
    org.apache.commons.io.FileUtils.deleteQuietly(directory.toFile());
  }
}
