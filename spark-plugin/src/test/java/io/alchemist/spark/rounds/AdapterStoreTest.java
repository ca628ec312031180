package io.alchemist.spark.rounds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.files.PeftDirectory;
import io.alchemist.weights.AdapterData;
import io.alchemist.weights.OptimizerState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On the local disk, and on a file system that Hadoop reaches otherwise. */
class AdapterStoreTest {
  private static final AdapterData ADAPTER = SmallModel.adapter(1);
  private static final OptimizerState STATE =
      new OptimizerState(3, SmallModel.adapter(2), SmallModel.adapter(3));

  private final Path directory;

  AdapterStoreTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private AdapterStore store(String scheme) {
    return new AdapterStore(
        FakeStoreFileSystem.configuration(),
        scheme + directory.resolve("ware house"),
        SmallModel.CONFIG,
        "base");
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.walk(directory.resolve("ware house"))) {
      return all.filter(Files::isRegularFile)
          .map(file -> directory.resolve("ware house").relativize(file).toString())
          .filter(file -> !file.endsWith(".crc"))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "file:", "fake:"})
  void readsWhatItWrote(String scheme) throws IOException {
    AdapterStore store = store(scheme);
    store.write(7, ADAPTER, STATE);
    AdapterStore.Stored stored = store.read(store.path(7));
    assertThat(stored.adapter()).usingRecursiveComparison().isEqualTo(ADAPTER);
    assertThat(stored.optimizer()).get().usingRecursiveComparison().isEqualTo(STATE);
    assertThat(files())
        .as("whole, and nothing besides")
        .contains("adapters/v7/adapter_config.json", "adapters/v7/adapter_model.safetensors")
        .allMatch(file -> file.startsWith("adapters/v7/"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "fake:"})
  void replacesWhatARoundLeftThatDidNotEnd(String scheme) {
    AdapterStore store = store(scheme);
    store.write(7, SmallModel.adapter(9), STATE);
    store.write(7, ADAPTER, STATE);
    assertThat(store.read(store.path(7)).adapter()).usingRecursiveComparison().isEqualTo(ADAPTER);
  }

  @Test
  void replacesAHalfCopy() throws IOException {
    AdapterStore store = store("fake:");
    Path partial = directory.resolve("ware house/adapters/_v7.partial");
    Files.createDirectories(partial);
    Files.writeString(partial.resolve("rest"), "of a process that died");
    store.write(7, ADAPTER, STATE);
    assertThat(files())
        .allMatch(file -> file.startsWith("adapters/v7/"))
        .doesNotContain("adapters/v7/rest");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "fake:"})
  void readsAnAdapterOfTheLibrary(String scheme) {
    Path elsewhere = directory.resolve("by hand");
    PeftDirectory.write(elsewhere, ADAPTER, SmallModel.CONFIG, null);
    for (String path : List.of(elsewhere.toString(), "file:" + elsewhere, "fake:" + elsewhere)) {
      AdapterStore.Stored stored = store(scheme).read(path);
      assertThat(stored.adapter()).usingRecursiveComparison().isEqualTo(ADAPTER);
      assertThat(stored.optimizer()).isEmpty();
    }
  }

  @Test
  void pathsAreWhole() {
    assertThat(store("").path(3)).isEqualTo("file:" + directory.resolve("ware house/adapters/v3"));
    assertThat(store("fake:").path(3))
        .isEqualTo("fake:" + directory.resolve("ware house/adapters/v3"));
  }

  @Test
  void saysWhatItCannotRead() {
    AdapterStore store = store("fake:");
    assertThatThrownBy(() -> store.read(store.path(3)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("Can't read the adapter in " + store.path(3));
  }

  @Test
  void saysWhatItCannotReach() {
    assertThatThrownBy(() -> new AdapterStore(
            FakeStoreFileSystem.configuration(), "nothing://there", SmallModel.CONFIG, "base"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("Can't reach the warehouse nothing://there");
  }
}
