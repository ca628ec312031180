package io.alchemist.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.files.Safetensors;
import io.alchemist.train.TrainingExample;
import io.alchemist.weights.ParameterId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What PyTorch computes in float64 from a small random model, and perhaps an adapter; {@code src/test/python/llama_golden.py}
 * writes it.
 *
 * @param examples token sequences and the weight of each token in the loss
 * @param expected numbers by name: {@code logits.<example>} (tokens, vocabulary), {@code loss},
 *     {@code gradient.<parameter>}
 */
record Golden(List<Example> examples, Map<String, float[]> expected) {

  /** A sequence to learn from. */
  @SuppressWarnings("ArrayRecordComponent") // handed over, never compared
  record Example(int[] tokens, float[] weights) {

    /** As the trainer takes it. */
    TrainingExample at(String id, long version) {
      return new TrainingExample(id, tokens, weights, version);
    }

    /** Tokens before the first with a weight. */
    int promptLength() {
      int length = 0;
      while (weights[length] == 0) {
        length++;
      }
      return length;
    }
  }

  /** The directory of a model, e.g. {@code plain}. */
  static Path model(String variant) {
    URL found = Golden.class.getResource("/io/alchemist/model/golden/" + variant);
    try {
      return Path.of(Objects.requireNonNull(found, variant).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What is expected of a model, or of a model with an adapter where {@code results} is the adapter's directory. */
  static Golden read(Path model, Path results) {
    List<Example> examples = new ArrayList<>();
    try {
      for (JsonNode node :
          new ObjectMapper().readTree(model.resolve("examples.json").toFile())) {
        examples.add(new Example(ints(node.path("tokens")), floats(node.path("weights"))));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Map<String, float[]> expected = new HashMap<>();
    try (Safetensors file = Safetensors.open(results.resolve("expected.safetensors"))) {
      for (String name : file.names()) {
        long elements = file.shape(name).stream().reduce(1L, (a, b) -> a * b);
        float[] values = new float[(int) elements];
        file.read(name, 0, FloatBuffer.wrap(values));
        expected.put(name, values);
      }
    }
    return new Golden(examples, expected);
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).intValue();
    }
    return values;
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).floatValue();
    }
    return values;
  }

  float loss() {
    return tensor("loss")[0];
  }

  float[] gradient(ParameterId id) {
    String name =
        switch (id.kind()) {
          case LORA_A -> adapterName(id, "lora_A");
          case LORA_B -> adapterName(id, "lora_B");
          default -> id.checkpointName();
        };
    return tensor("gradient." + name);
  }

  private static String adapterName(ParameterId id, String matrix) {
    return "base_model.model.model.layers." + id.layer() + "." + id.target().module() + "." + matrix
        + ".weight";
  }

  /** How many gradients there are. */
  long gradients() {
    return expected.keySet().stream()
        .filter(name -> name.startsWith("gradient."))
        .count();
  }

  /** Log-probabilities of all tokens (tokens, vocabulary) after each token of an example. */
  float[] logProbs(int example, int vocabulary) {
    float[] logits = tensor("logits." + example);
    float[] logProbs = new float[logits.length];
    for (int row = 0; row < logits.length; row += vocabulary) {
      double largest = Double.NEGATIVE_INFINITY;
      for (int i = row; i < row + vocabulary; i++) {
        largest = Math.max(largest, logits[i]);
      }
      double sum = 0;
      for (int i = row; i < row + vocabulary; i++) {
        sum += Math.exp(logits[i] - largest);
      }
      for (int i = row; i < row + vocabulary; i++) {
        logProbs[i] = (float) (logits[i] - largest - Math.log(sum));
      }
    }
    return logProbs;
  }

  private float[] tensor(String name) {
    return Objects.requireNonNull(expected.get(name), name);
  }

  /** The norm of the difference over the norm of what is expected. */
  static double relativeError(float[] actual, float[] expected) {
    if (actual.length != expected.length) {
      throw new IllegalArgumentException(
          actual.length + " numbers can't be compared with " + expected.length);
    }
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / norm);
  }
}
