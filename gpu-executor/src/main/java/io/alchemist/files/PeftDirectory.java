package io.alchemist.files;

import io.alchemist.weights.AdapterData;
import io.alchemist.weights.AdapterData.Factors;
import io.alchemist.weights.AdapterData.Site;
import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.OptimizerState;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * LoRA adapters as the {@code peft} library saves them: a directory with {@code adapter_config.json} and
 * {@code adapter_model.safetensors}.
 */
public final class PeftDirectory {
  private static final String WEIGHTS = "adapter_model.safetensors";

  private PeftDirectory() {}

  /**
   * Reads an adapter for a model.
   *
   * @throws ModelFileException when it is not plain LoRA, does not fit the model, has missing or surplus tensors, or
   *     elements that are not finite
   */
  public static AdapterData read(Path directory, ModelConfig config) {
    PeftConfig peft = PeftConfig.read(directory);
    try (Safetensors file = Safetensors.open(directory.resolve(WEIGHTS))) {
      TreeMap<Site, Factors> factors = new TreeMap<>();
      Set<String> surplus = new TreeSet<>(file.names());
      for (int layer = 0; layer < config.layers(); layer++) {
        for (LinearLayer linear : peft.targets()) {
          Site site = new Site(layer, linear);
          float[] a = read(directory, file, nameOfA(site), shapeOfA(site, peft.rank(), config));
          float[] b = read(directory, file, nameOfB(site), shapeOfB(site, peft.rank(), config));
          factors.put(site, new Factors(a, b));
          surplus.remove(nameOfA(site));
          surplus.remove(nameOfB(site));
        }
      }
      if (!surplus.isEmpty()) {
        throw new ModelFileException(
            directory.resolve(WEIGHTS),
            surplus.size() + " tensors have no place in the model, first "
                + surplus.iterator().next(),
            "the model has " + config.layers() + " layers, and the configuration names "
                + peft.targets().stream().map(LinearLayer::shortName).toList(),
            "Use the adapter with the model it was trained for");
      }
      return new AdapterData(peft.rank(), peft.alpha(), factors);
    }
  }

  /**
   * Writes an adapter as a new directory, which appears under its name only when it is whole and on disk.
   *
   * @param baseModel the model it was trained for, as users of the library name it, or null
   * @throws IllegalArgumentException when the adapter does not fit the model
   * @throws ModelFileException when the directory exists already, or an element is not finite
   */
  public static void write(
      Path directory, AdapterData adapter, ModelConfig config, @Nullable String baseModel) {
    write(directory, adapter, config, baseModel, null);
  }

  /** Like {@link #write}, with the state of the optimizer that made the adapter, so that training can go on from it. */
  public static void write(
      Path directory,
      AdapterData adapter,
      ModelConfig config,
      @Nullable String baseModel,
      @Nullable OptimizerState optimizer) {
    adapter.checkFits(config);
    Map<String, List<Long>> shapes = shapes(adapter, config);
    Map<String, FloatBuffer> values = values(adapter);
    Temporaries.writeDirectory(directory, "an adapter", written -> {
      SafetensorsWriter.write(
          written.resolve(WEIGHTS), shapes, StorageType.F32, (name, offset, into) -> {
            FloatBuffer all = Objects.requireNonNull(values.get(name));
            into.put(all.slice((int) offset, into.remaining()));
          });
      PeftConfig.write(written, adapter, baseModel);
      if (optimizer != null) {
        OptimizerFile.write(written.resolve(OptimizerFile.NAME), optimizer, config);
      }
    });
  }

  /** The state of the optimizer that made the adapter of a directory, where it was written too. */
  public static Optional<OptimizerState> readOptimizer(
      Path directory, AdapterData adapter, ModelConfig config) {
    return OptimizerFile.read(directory.resolve(OptimizerFile.NAME), adapter, config);
  }

  /** The shape of each tensor of an adapter, in the order in which they are stored. */
  static Map<String, List<Long>> shapes(AdapterData adapter, ModelConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    for (Site site : adapter.factors().keySet()) {
      shapes.put(nameOfA(site), shapeOfA(site, adapter.rank(), config));
      shapes.put(nameOfB(site), shapeOfB(site, adapter.rank(), config));
    }
    return shapes;
  }

  static Map<String, FloatBuffer> values(AdapterData adapter) {
    Map<String, FloatBuffer> values = new LinkedHashMap<>();
    adapter.factors().forEach((site, factors) -> {
      values.put(nameOfA(site), FloatBuffer.wrap(factors.a()));
      values.put(nameOfB(site), FloatBuffer.wrap(factors.b()));
    });
    return values;
  }

  private static float[] read(Path directory, Safetensors file, String name, List<Long> shape) {
    if (!file.names().contains(name)) {
      throw new ModelFileException(
          directory.resolve(WEIGHTS),
          "the tensor " + name + " is missing",
          "the configuration names its linear layer, and the model has this layer",
          "Use the adapter with the model it was trained for");
    }
    if (!file.shape(name).equals(shape)) {
      throw new ModelFileException(
          directory.resolve(WEIGHTS),
          "the tensor " + name + " has the shape " + file.shape(name),
          "rank and model ask for " + shape,
          "Use the adapter with the model it was trained for");
    }
    float[] values = new float[Math.toIntExact(StoredTensor.elements(shape))];
    file.read(name, 0, FloatBuffer.wrap(values));
    return values;
  }

  static String nameOfA(Site site) {
    return prefix(site) + ".lora_A.weight";
  }

  static String nameOfB(Site site) {
    return prefix(site) + ".lora_B.weight";
  }

  /** The library wraps the model twice. */
  private static String prefix(Site site) {
    return "base_model.model.model.layers." + site.layer() + "." + site.linear().module();
  }

  private static List<Long> shapeOfA(Site site, int rank, ModelConfig config) {
    return List.of((long) rank, (long) site.linear().inputs(config));
  }

  private static List<Long> shapeOfB(Site site, int rank, ModelConfig config) {
    return List.of((long) site.linear().outputs(config), (long) rank);
  }
}
