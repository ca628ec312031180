package io.alchemist.spark.rounds;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/**
 * An archive of loaded and verified classes, by which children start faster: the first one writes it as it ends, the others map
 * it. Where the JVM can't do that, they start without.
 */
final class SharedClasses {
  private final Path archive;
  private final String classPath;

  /** Of the tests' own class path, in a folder. */
  SharedClasses(Path folder) throws IOException {
    this.archive = folder.resolve("classes.jsa");
    this.classPath = jars(folder);
  }

  /** An archive is of jars only. */
  private static String jars(Path folder) throws IOException {
    ToolProvider jar = ToolProvider.findFirst("jar")
        .orElseThrow(() -> new IllegalStateException("A whole JDK is needed, which has jar."));
    List<String> jars = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (entry.isEmpty()) {
        continue; // it would be the working directory
      }
      if (!Files.isDirectory(Path.of(entry))) {
        jars.add(entry);
        continue;
      }
      String packed = folder.resolve("classes-" + jars.size() + ".jar").toString();
      int status = jar.run(
          System.out, System.err, "--create", "--no-compress", "--file", packed, "-C", entry, ".");
      if (status != 0) {
        throw new IOException("jar can't pack " + entry + " and ends with " + status);
      }
      jars.add(packed);
    }
    return String.join(File.pathSeparator, jars);
  }

  /** Flags of a child: the first writes the archive when it ends, later ones use it. */
  List<String> flags() {
    return List.of(
        "-cp",
        classPath,
        Files.exists(archive)
            ? "-XX:SharedArchiveFile=" + archive
            : "-XX:ArchiveClassesAtExit=" + archive);
  }
}
