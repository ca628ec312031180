package io.alchemist.files;

import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.WeightNames;
import io.alchemist.weights.WeightSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A Hugging Face directory: {@code config.json}, and the weights in {@code model.safetensors} or in the shards that
 * {@code model.safetensors.index.json} lists.
 */
public final class HuggingFaceCheckpoint implements Checkpoint {
  private static final String WHOLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final int MAX_INDEX_BYTES = 100_000_000;
  /** Frequencies that old exports store; they follow from the configuration. */
  private static final String STORED_FREQUENCIES = ".rotary_emb.inv_freq";

  private final Path directory;
  private final ModelConfig config;
  private final List<Safetensors> files = new ArrayList<>();
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
  private final TensorReader reader = new TensorReader();

  /** Endings of the files beside the weights that say how to use them. */
  private static final List<String> DESCRIPTION = List.of(".json", ".jinja", ".txt", ".model");

  private HuggingFaceCheckpoint(Path directory) {
    this.directory = directory;
    this.config = HuggingFaceConfig.read(directory);
  }

  /**
   * Opens a directory and checks names and shapes of all weights. A stored output layer is ignored where the
   * configuration ties it to the embedding.
   *
   * @throws ModelFileException when it is damaged, incomplete, or of an architecture that is not supported
   */
  public static HuggingFaceCheckpoint open(Path directory) {
    HuggingFaceCheckpoint checkpoint = new HuggingFaceCheckpoint(directory);
    try {
      checkpoint.openFiles();
      checkpoint.tensors.keySet().removeIf(checkpoint::isDerived);
      CheckpointTensors.check(directory, checkpoint.config, checkpoint.tensors);
      return checkpoint;
    } catch (RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  /**
   * Writes a model as a directory that {@link #open} and the library {@code transformers} load. Other files in it stay,
   * and each file appears whole or not at all; the configuration comes last.
   *
   * @param directory is created where it does not exist
   * @param tokenIds further fields of the configuration, such as {@code eos_token_id}
   * @throws ModelFileException when a weight is not finite or too large for {@code type}, or the directory has shards of
   *     another model
   */
  public static void write(
      Path directory, WeightSource source, StorageType type, Map<String, Integer> tokenIds) {
    if (Files.exists(directory.resolve(INDEX))) {
      throw new ModelFileException(
          directory,
          "it has a " + INDEX,
          "shards of another model lie there, which readers could mix up with this one",
          "Write to an empty directory");
    }
    SafetensorsWriter.write(
        directory.resolve(WHOLE), WeightShapes.of(source.config()), type, source::read);
    HuggingFaceConfig.write(directory, source.config(), type, tokenIds);
  }

  /**
   * Writes this model with other weights, float32, as a new directory, which appears under its name only when it is whole and on
   * disk; the configuration, tokenizer and chat template are this one's.
   *
   * @throws ModelFileException when the directory exists already, or a weight is not finite
   */
  public void writeWith(Path target, WeightSource weights) {
    Temporaries.writeDirectory(target, "a model", written -> {
      copyDescription(written);
      SafetensorsWriter.write(
          written.resolve(WHOLE), WeightShapes.of(config), StorageType.F32, weights::read);
      HuggingFaceConfig.writeAs(written, directory, StorageType.F32);
    });
  }

  /** Copies what says how to use the weights. */
  private void copyDescription(Path target) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.filter(HuggingFaceCheckpoint::describes).toList()) {
        Path copy = target.resolve(file.getFileName());
        Files.copy(file, copy);
        Temporaries.force(copy);
      }
    }
  }

  private static boolean describes(Path file) {
    String name = file.getFileName().toString();
    return Files.isRegularFile(file)
        && DESCRIPTION.stream().anyMatch(name::endsWith)
        && !name.equals(INDEX)
        && !name.equals(HuggingFaceConfig.FILE);
  }

  @Override
  public Path path() {
    return directory;
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public void read(String name, long offset, FloatBuffer into) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          directory + " has no weight '" + name + "'. Use the names of WeightNames.");
    }
    reader.read(tensor, offset, into);
  }

  @Override
  public void close() {
    files.forEach(Safetensors::close);
  }

  private boolean isDerived(String name) {
    return name.endsWith(STORED_FREQUENCIES)
        || (config.tiedEmbeddings() && name.equals(WeightNames.HEAD));
  }

  private void openFiles() {
    if (Files.exists(directory.resolve(WHOLE))) {
      Safetensors file = openFile(WHOLE);
      for (String name : file.names()) {
        put(file, WHOLE, name);
      }
    } else if (Files.exists(directory.resolve(INDEX))) {
      openShards();
    } else {
      throw new ModelFileException(
          directory,
          "there is neither " + WHOLE + " nor " + INDEX,
          "weights are read from safetensors files only" + otherFormats(),
          "Complete the download, or save the model with safe_serialization=True");
    }
  }

  private void openShards() {
    Path index = directory.resolve(INDEX);
    JsonFields map = JsonFields.read(index, MAX_INDEX_BYTES).object("weight_map");
    if (map == null) {
      throw new ModelFileException(
          index,
          "'weight_map' is missing",
          "it says which file has which weight",
          "Fetch it again");
    }
    Map<String, Safetensors> shards = new LinkedHashMap<>();
    for (String name : map.names()) {
      String shard = map.text(name);
      if (!shard.matches("[A-Za-z0-9_-][A-Za-z0-9._-]*\\.safetensors")) {
        throw new ModelFileException(
            index,
            "the weight " + name + " is said to be in '" + shard + "'",
            "a shard is a .safetensors file in the same directory",
            "Fetch the file again");
      }
      put(shards.computeIfAbsent(shard, this::openFile), shard, name);
    }
  }

  private Safetensors openFile(String file) {
    Safetensors opened = Safetensors.open(directory.resolve(file));
    files.add(opened);
    return opened;
  }

  private void put(Safetensors file, String fileName, String name) {
    StoredTensor tensor = file.find(name);
    if (tensor == null) {
      throw new ModelFileException(
          directory.resolve(fileName),
          "the weight " + name + " is missing",
          INDEX + " says that it is in this file",
          "Fetch the shard and the index again, of the same revision");
    }
    tensors.put(name, tensor);
  }

  private String otherFormats() {
    try (var children = Files.list(directory)) {
      List<String> others = children
          .map(child -> child.getFileName().toString())
          .filter(name -> name.endsWith(".bin") || name.endsWith(".pth"))
          .sorted()
          .toList();
      return others.isEmpty() ? "" : ", not from " + String.join(", ", others);
    } catch (IOException e) {
      throw new UncheckedIOException("Can't list " + directory, e);
    }
  }
}
