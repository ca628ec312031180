package io.alchemist.files;

import io.alchemist.weights.ModelConfig;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Compares the tensors of a checkpoint with what its configuration says. */
final class CheckpointTensors {
  private CheckpointTensors() {}

  /**
   * Every weight is there with its shape, and no other: a bias or a norm that the model doesn't know would be left out of
   * its results without a word.
   *
   * @param tensors what the checkpoint has, by canonical name where it has one
   * @throws ModelFileException naming the first that does not fit
   */
  static void check(Path path, ModelConfig config, Map<String, StoredTensor> tensors) {
    Set<String> expected = new HashSet<>();
    WeightShapes.forEach(config, (name, shape) -> {
      StoredTensor tensor = tensors.get(name);
      if (tensor == null) {
        throw new ModelFileException(
            path,
            "the weight " + name + " is missing",
            "a model of " + config.layers() + " layers"
                + (config.tiedEmbeddings() ? "" : " without tied embeddings")
                + " has it",
            "Check that the download is complete and the configuration is the model's own");
      }
      if (!tensor.shape().equals(shape)) {
        throw new ModelFileException(
            path,
            "the weight " + tensor.name() + " has the shape " + tensor.shape(),
            "the configuration asks for " + shape,
            "Use the configuration that belongs to these weights");
      }
      expected.add(name);
    });
    Set<String> surplus = new TreeSet<>(tensors.keySet());
    surplus.removeAll(expected);
    if (!surplus.isEmpty()) {
      throw new ModelFileException(
          path,
          surplus.size() + " tensors have no place in the model, first "
              + surplus.iterator().next(),
          "a Llama model of " + config.layers()
              + " layers has no biases, no norms inside attention and no experts",
          "Use a model of the plain Llama architecture, or correct the number of layers");
    }
  }
}
