package io.alchemist.files;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Opens a model, whichever form it has on disk. */
public final class ModelFiles {
  private ModelFiles() {}

  /**
   * Opens a Hugging Face directory or a GGUF file.
   *
   * @throws ModelFileException when it is neither, or can't be used; the message says why and what to do
   */
  public static Checkpoint open(Path path) {
    if (Files.isDirectory(path)) {
      return HuggingFaceCheckpoint.open(path);
    }
    if (!Files.exists(path)) {
      throw new ModelFileException(
          path,
          "there is no such file or directory",
          "a model is a Hugging Face directory or a .gguf file",
          "Check the path");
    }
    if (path.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      return GgufCheckpoint.open(path);
    }
    throw new ModelFileException(
        path,
        "this is neither a directory nor a .gguf file",
        "a model is a Hugging Face directory (config.json, *.safetensors) or a .gguf file",
        "Name the directory that holds the file, or a .gguf file");
  }
}
