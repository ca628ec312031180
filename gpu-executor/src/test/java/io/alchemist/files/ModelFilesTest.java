package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFilesTest {
  private final Path directory;

  ModelFilesTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void whatIsNoModelIsRefused() {
    Path missing = directory.resolve("nothing");
    assertThatThrownBy(() -> ModelFiles.open(missing).close())
        .isInstanceOf(ModelFileException.class)
        .hasMessage(missing
            + ": there is no such file or directory: a model is a Hugging Face directory or a"
            + " .gguf file. Check the path.");
    Path other = Fixtures.write(directory.resolve("model.safetensors"), new byte[3]);
    assertThatThrownBy(() -> ModelFiles.open(other).close())
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("this is neither a directory nor a .gguf file");
    assertThatThrownBy(() -> ModelFiles.open(directory).close())
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("config.json: there is no such file");
    Path empty = Fixtures.write(directory.resolve("M.GGUF"), new byte[3]);
    assertThatThrownBy(() -> ModelFiles.open(empty).close())
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("the file ends at byte 3");
  }
}
