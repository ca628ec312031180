package io.alchemist.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever bytes change, a file is read or refused with an explanation; nothing else is thrown. */
class DamagedFilesTest {
  private static final int ROUNDS = 300;

  private final Path directory;
  private final ModelConfig config = Fixtures.config(false);
  private final Map<String, float[]> weights = Fixtures.weights(config, 1);

  DamagedFilesTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private interface Attempt {
    void run();
  }

  /** Damages the first bytes of a file again and again, and restores it. */
  private static void damage(Path file, int headBytes, Attempt attempt) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    int head = Math.min(headBytes, whole.length);
    Random random = new Random(11);
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] damaged = whole.clone();
      for (int i = random.nextInt(3); i >= 0; i--) {
        damaged[random.nextInt(head)] =
            random.nextBoolean() ? (byte) random.nextInt(256) : (byte) ('0' + random.nextInt(10));
      }
      Files.write(file, damaged);
      try {
        attempt.run();
      } catch (ModelFileException e) {
        assertThat(e.problem()).isNotBlank();
        assertThat(e.why()).isNotBlank();
        assertThat(e.fix()).isNotBlank();
        assertThat(e.file()).isNotNull();
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(ROUNDS / 10);
    Files.write(file, whole);
  }

  private void readAll(Path path) {
    try (Checkpoint checkpoint = ModelFiles.open(path)) {
      WeightShapes.forEach(
          checkpoint.config(),
          (name, shape) ->
              checkpoint.read(name, 0, FloatBuffer.allocate((int) StoredTensor.elements(shape))));
    }
  }

  @Test
  void gguf() throws IOException {
    GgufBuilder gguf = GgufBuilder.model(config, weights);
    gguf.floats("rope_freqs.weight", java.util.List.of(8L), 1, 1, 1, 1, 1, 1, 1, 1);
    Path file = gguf.write(directory.resolve("model.gguf"));
    damage(file, 1600, () -> readAll(file));
    readAll(file);
  }

  @Test
  void huggingFace() throws IOException {
    Path model = directory.resolve("model");
    HuggingFaceCheckpoint.write(model, Fixtures.source(config, weights), StorageType.F32, Map.of());
    damage(model.resolve("config.json"), 1 << 20, () -> readAll(model));
    damage(model.resolve("model.safetensors"), 1600, () -> readAll(model));
    readAll(model);
  }

  @Test
  void adapter() throws IOException {
    TreeMap<Site, Factors> factors = new TreeMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      factors.put(new Site(layer, LinearLayer.O), new Factors(new float[128], new float[128]));
    }
    Path adapter = directory.resolve("adapter");
    PeftDirectory.write(adapter, new AdapterData(2, 4, factors), config, null);
    Attempt read =
        () -> assertThat(PeftDirectory.read(adapter, config).factors()).hasSize(2);
    damage(adapter.resolve("adapter_config.json"), 1 << 20, read);
    damage(adapter.resolve("adapter_model.safetensors"), 400, read);
    read.run();
  }
}
