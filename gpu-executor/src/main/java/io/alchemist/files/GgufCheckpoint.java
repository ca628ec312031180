package io.alchemist.files;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.WeightNames;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A GGUF file of the Llama architecture. Quantised weights are decoded as they are read.
 *
 * <p>Rotary positions turn pairs of neighbouring values in GGUF, so the rows of its query and key weights are interleaved:
 * row {@code 2i + s} of a head is row {@code i + s * headDim / 2} here, where pairs are (i, i + headDim/2). Reading puts
 * them in this order.
 */
public final class GgufCheckpoint implements Checkpoint {
  private final ByteFile file;
  private final GgufMetadata metadata;
  private final ModelConfig config;
  private final Map<String, StoredTensor> tensors;
  private final Set<String> interleaved = new HashSet<>();
  private final TensorReader reader = new TensorReader();

  private GgufCheckpoint(ByteFile file) {
    GgufHeader header = GgufHeader.read(file);
    Map<String, StoredTensor> canonical = new LinkedHashMap<>();
    header.tensors().forEach((name, tensor) -> {
      String known = GgufNames.canonical(name);
      canonical.put(known == null ? name : known, tensor);
    });
    StoredTensor divisors = canonical.remove(GgufNames.FREQUENCY_DIVISORS);
    this.file = file;
    this.metadata = header.metadata();
    this.tensors = canonical;
    this.config =
        new GgufConfig(file.path(), header).config(divisors == null ? null : smallVector(divisors));
    CheckpointTensors.check(file.path(), config, tensors);
    for (int layer = 0; layer < config.layers(); layer++) {
      interleaved.add(WeightNames.linear(layer, LinearLayer.Q));
      interleaved.add(WeightNames.linear(layer, LinearLayer.K));
    }
  }

  /**
   * Opens a file and checks names and shapes of all weights. The output layer is tied to the embedding where the file has
   * none.
   *
   * @throws ModelFileException when it is damaged, incomplete, or of an architecture or type that is not supported
   */
  public static GgufCheckpoint open(Path path) {
    ByteFile file = ByteFile.open(path);
    try {
      return new GgufCheckpoint(file);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  /** All key-value pairs, among them the tokenizer's vocabulary and the chat template. */
  public GgufMetadata metadata() {
    return metadata;
  }

  @Override
  public void read(String name, long offset, FloatBuffer into) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          file.path() + " has no weight '" + name + "'. Use the names of WeightNames.");
    }
    if (interleaved.contains(name)) {
      readInterleaved(tensor, offset, into);
    } else {
      reader.read(tensor, offset, into);
    }
  }

  private void readInterleaved(StoredTensor tensor, long offset, FloatBuffer into) {
    int columns = config.hiddenSize();
    TensorReader.checkRange(tensor, offset, into.remaining());
    int end = into.limit();
    long next = offset;
    while (into.position() < end) {
      int column = (int) (next % columns);
      int count = Math.min(columns - column, end - into.position());
      into.limit(into.position() + count);
      reader.read(tensor, storedRow(next / columns) * columns + column, into);
      into.limit(end);
      next += count;
    }
  }

  private long storedRow(long row) {
    int half = config.headDim() / 2;
    long inHead = row % config.headDim();
    return row - inHead + inHead % half * 2 + inHead / half;
  }

  private float[] smallVector(StoredTensor tensor) {
    if (tensor.elements() > Short.MAX_VALUE) {
      throw ModelFileException.damaged(
          file.path(),
          tensor.name() + " has the shape " + tensor.shape(),
          "it has one element for each pair of values in a head");
    }
    return tensor.readAll(reader);
  }

  @Override
  public void close() {
    file.close();
  }
}
