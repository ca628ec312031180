package io.alchemist.files;

import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.OptimizerState;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The optimizer's state beside the adapter it made, {@code optimizer.safetensors}: the two moments under the adapter's own
 * tensor names with a prefix, and the number of steps. Other software that reads the directory takes no notice of it.
 */
final class OptimizerFile {
  static final String NAME = "optimizer.safetensors";

  private static final String FIRST = "first_moment.";
  private static final String SECOND = "second_moment.";
  private static final String STEPS = "steps";

  private OptimizerFile() {}

  static void write(Path file, OptimizerState state, ModelConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    Map<String, FloatBuffer> values = new LinkedHashMap<>();
    shapes.put(STEPS, List.of(1L));
    values.put(STEPS, FloatBuffer.wrap(new float[] {state.steps()})); // exact up to 2^24
    add(FIRST, state.firstMoment(), config, shapes, values);
    add(SECOND, state.secondMoment(), config, shapes, values);
    SafetensorsWriter.write(
        file,
        shapes,
        StorageType.F32,
        (name, offset, into) -> into.put(
            Objects.requireNonNull(values.get(name)).slice((int) offset, into.remaining())));
  }

  private static void add(
      String prefix,
      AdapterData moment,
      ModelConfig config,
      Map<String, List<Long>> shapes,
      Map<String, FloatBuffer> values) {
    moment.checkFits(config);
    PeftDirectory.shapes(moment, config).forEach((name, shape) -> shapes.put(prefix + name, shape));
    PeftDirectory.values(moment).forEach((name, floats) -> values.put(prefix + name, floats));
  }

  /** The state in the file, of the shape of the adapter beside it; empty without a file. */
  static Optional<OptimizerState> read(Path file, AdapterData shape, ModelConfig config) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try (Safetensors tensors = Safetensors.open(file)) {
      float[] steps = read(tensors, file, STEPS, List.of(1L));
      return Optional.of(new OptimizerState(
          (int) steps[0],
          read(tensors, file, FIRST, shape, config),
          read(tensors, file, SECOND, shape, config)));
    }
  }

  private static AdapterData read(
      Safetensors tensors, Path file, String prefix, AdapterData shape, ModelConfig config) {
    Map<String, List<Long>> shapes = PeftDirectory.shapes(shape, config);
    TreeMap<Site, Factors> factors = new TreeMap<>();
    for (Site site : shape.factors().keySet()) {
      String a = PeftDirectory.nameOfA(site);
      String b = PeftDirectory.nameOfB(site);
      factors.put(
          site,
          new Factors(
              read(tensors, file, prefix + a, shapes.getOrDefault(a, List.of())),
              read(tensors, file, prefix + b, shapes.getOrDefault(b, List.of()))));
    }
    return new AdapterData(shape.rank(), shape.alpha(), factors);
  }

  private static float[] read(Safetensors tensors, Path file, String name, List<Long> shape) {
    if (!tensors.names().contains(name) || !tensors.shape(name).equals(shape)) {
      throw new ModelFileException(
          file,
          "the tensor " + name + " of shape " + shape + " is not there",
          "the optimizer's state has the shape of the adapter beside it",
          "Delete the file: training then goes on from the adapter without its history");
    }
    float[] values = new float[Math.toIntExact(StoredTensor.elements(shape))];
    tensors.read(name, 0, FloatBuffer.wrap(values));
    return values;
  }
}
