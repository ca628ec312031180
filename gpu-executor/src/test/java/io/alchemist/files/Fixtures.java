package io.alchemist.files;

import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.WeightSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** Tiny models and files for the tests of this package. */
final class Fixtures {
  private Fixtures() {}

  /** Two layers; the rows of its weights are multiples of 32, as GGUF's small blocks need them. */
  static ModelConfig config(boolean tied) {
    return new ModelConfig(
        "llama", 40, 64, 2, 4, 2, 16, 96, 1e-5f, RopeConfig.plain(10_000), 128, tied);
  }

  /** Weights that are random, the same for the same seed, and exact in float16 and bfloat16. */
  static Map<String, float[]> weights(ModelConfig config, long seed) {
    Random random = new Random(seed);
    Map<String, float[]> weights = new LinkedHashMap<>();
    WeightShapes.forEach(config, (name, shape) -> {
      float[] values = new float[(int) StoredTensor.elements(shape)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (random.nextInt(255) - 127) / 64f;
      }
      weights.put(name, values);
    });
    return weights;
  }

  static WeightSource source(ModelConfig config, Map<String, float[]> weights) {
    return new WeightSource() {
      @Override
      public ModelConfig config() {
        return config;
      }

      @Override
      public void read(String name, long offset, FloatBuffer into) {
        into.put(get(weights, name), (int) offset, into.remaining());
      }
    };
  }

  /** What a map is known to hold. */
  static <K, V> V get(Map<K, V> map, K key) {
    return Objects.requireNonNull(map.get(key));
  }

  static float[] read(WeightSource source, String name, int offset, int count) {
    float[] values = new float[count];
    source.read(name, offset, FloatBuffer.wrap(values));
    return values;
  }

  /** A safetensors file of any header and any bytes after it. */
  static Path safetensors(Path file, String header, byte... data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    return write(file, bytes.putLong(text.length).put(text).put(data).array());
  }

  static byte[] floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  static Path write(Path file, byte[] bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Replaces text in a file. */
  static void edit(Path file, String old, String replacement) {
    try {
      String text = Files.readString(file);
      if (!text.contains(old)) {
        throw new IllegalArgumentException(old + " is not in " + text);
      }
      Files.writeString(file, text.replace(old, replacement));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes tensors of any names and shapes as float32. */
  static Path tensors(Path file, Map<String, float[]> values, Map<String, List<Long>> shapes) {
    SafetensorsWriter.write(
        file,
        shapes,
        StorageType.F32,
        (name, offset, into) -> into.put(get(values, name), (int) offset, into.remaining()));
    return file;
  }
}
