package io.alchemist.files;

import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.RopeConfig;
import io.alchemist.weights.RopeConfig.Llama3Scaling;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Makes a {@link ModelConfig} of a GGUF file's key-value pairs; refuses what would change the results and is not supported. */
final class GgufConfig {
  private static final String PREFIX = "llama.";
  private static final double DEFAULT_THETA = 10_000;
  /** Llama 3.1 and its successors, all of which have these three. */
  private static final double LOW_FREQUENCY_FACTOR = 1;

  private static final double HIGH_FREQUENCY_FACTOR = 4;
  private static final int ORIGINAL_POSITIONS = 8192;
  /** Relative; the divisors are stored as float32. */
  private static final double DIVISOR_TOLERANCE = 1e-4;

  private final Path file;
  private final GgufMetadata metadata;
  private final Map<String, StoredTensor> tensors;

  GgufConfig(Path file, GgufHeader header) {
    this.file = file;
    this.metadata = header.metadata();
    this.tensors = header.tensors();
  }

  /**
   * The model's shape.
   *
   * @param frequencyDivisors what each rotary frequency is divided by, or null where the file has no such tensor
   */
  ModelConfig config(float @Nullable [] frequencyDivisors) {
    String architecture = metadata.string("general.architecture").orElse("not given");
    if (!architecture.equals("llama")) {
      throw refused(
          "general.architecture is " + architecture,
          "supported is llama",
          "Choose a model of this architecture");
    }
    refuseUnsupported();
    int hiddenSize = integer("embedding_length");
    int heads = integer("attention.head_count");
    int headDim = headDim(hiddenSize, heads);
    double theta = metadata.number(PREFIX + "rope.freq_base").orElse(DEFAULT_THETA);
    try {
      return new ModelConfig(
          architecture,
          vocabSize(),
          hiddenSize,
          integer("block_count"),
          heads,
          integer("attention.head_count_kv", heads),
          headDim,
          integer("feed_forward_length"),
          (float) number("attention.layer_norm_rms_epsilon"),
          rope(theta, headDim, frequencyDivisors),
          integer("context_length"),
          !tensors.containsKey(GgufNames.HEAD));
    } catch (IllegalArgumentException e) {
      throw new ModelFileException(
          file,
          "the numbers do not fit together",
          String.valueOf(e.getMessage()).replaceFirst("\\.$", ""),
          "Convert the model again",
          e);
    }
  }

  private void refuseUnsupported() {
    if (metadata.integer("split.count").orElse(1) > 1) {
      throw refused(
          "this is one of " + metadata.get("split.count") + " parts",
          "a model is read from one file",
          "Merge the parts");
    }
    if (metadata.integer(PREFIX + "expert_count").orElse(0) > 0) {
      throw refused(
          "it has " + metadata.get(PREFIX + "expert_count") + " experts",
          "feed-forward networks are dense here",
          "Choose a dense model");
    }
    // Files without a type but with a factor mean linear scaling; a linear factor of one changes
    // nothing.
    String scaling = metadata.string(PREFIX + "rope.scaling.type").orElse("linear");
    double factor = metadata
        .number(PREFIX + "rope.scaling.factor")
        .orElse(metadata.number(PREFIX + "rope.scale_linear").orElse(1));
    if (!scaling.equals("none") && !(scaling.equals("linear") && factor == 1)) {
      throw refused(
          "rotary positions are scaled by '" + scaling + "', factor " + factor,
          "supported are unscaled positions and those of Llama 3",
          "Choose a model without this scaling");
    }
  }

  /** Given, or rows of the embedding table. */
  private int vocabSize() {
    StoredTensor embedding = tensors.get(GgufNames.EMBEDDING);
    int rows = embedding == null
        ? 0
        : (int) Math.min(Integer.MAX_VALUE, embedding.shape().get(0));
    return rows == 0 ? integer("vocab_size") : integer("vocab_size", rows);
  }

  private int headDim(int hiddenSize, int heads) {
    if (heads == 0) {
      return 0; // refused with the other numbers
    }
    int headDim = integer("attention.key_length", hiddenSize / heads);
    for (String other : List.of("attention.value_length", "rope.dimension_count")) {
      if (integer(other, headDim) != headDim) {
        throw refused(
            PREFIX + other + " is " + integer(other),
            "heads have the width " + headDim + ", of keys, values and rotary positions alike",
            "Choose a model of the plain Llama architecture");
      }
    }
    return headDim;
  }

  /**
   * The file keeps Llama 3's scaling as divisors of the frequencies, not as the numbers that they were computed from. The
   * largest divisor is the factor, the other numbers are the same in all these models; computed again from them, the
   * divisors must come out as stored.
   */
  private RopeConfig rope(double theta, int headDim, float @Nullable [] divisors) {
    RopeConfig plain = RopeConfig.plain(theta);
    if (divisors == null) {
      return plain;
    }
    double factor = 1;
    for (float divisor : divisors) {
      factor = Math.max(factor, divisor);
    }
    int original = integer("rope.scaling.original_context_length", ORIGINAL_POSITIONS);
    RopeConfig stretched = new RopeConfig(
        theta, new Llama3Scaling(factor, LOW_FREQUENCY_FACTOR, HIGH_FREQUENCY_FACTOR, original));
    for (RopeConfig candidate : List.of(plain, stretched)) {
      if (explains(candidate, plain, headDim, divisors)) {
        return candidate;
      }
    }
    throw refused(
        GgufNames.FREQUENCY_DIVISORS + " scales rotary frequencies by up to " + factor,
        "its values are not those of Llama 3's scaling of " + original + " positions",
        "Choose a model with plain or Llama 3 frequencies");
  }

  private static boolean explains(
      RopeConfig candidate, RopeConfig plain, int headDim, float[] divisors) {
    if (divisors.length != headDim / 2) {
      return false;
    }
    double[] scaled = candidate.frequencies(headDim);
    double[] unscaled = plain.frequencies(headDim);
    boolean agrees = true;
    for (int i = 0; i < scaled.length; i++) {
      double expected = unscaled[i] / scaled[i];
      agrees &= Math.abs(divisors[i] - expected) <= DIVISOR_TOLERANCE * expected;
    }
    return agrees;
  }

  private int integer(String name) {
    OptionalLong value = metadata.integer(PREFIX + name);
    return toInt(name, value.orElseThrow(() -> missing(name)));
  }

  private int integer(String name, int absent) {
    return toInt(name, metadata.integer(PREFIX + name).orElse(absent));
  }

  private double number(String name) {
    return metadata.number(PREFIX + name).orElseThrow(() -> missing(name));
  }

  private int toInt(String name, long value) {
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw refused(
          PREFIX + name + " is " + value,
          "it should be a positive 32-bit integer",
          "Convert the model again");
    }
    return (int) value;
  }

  private ModelFileException missing(String name) {
    return refused(
        "'" + PREFIX + name + "' is missing",
        "there is no default for it",
        "Convert the model again with a current converter");
  }

  private ModelFileException refused(String problem, String why, String fix) {
    return new ModelFileException(file, problem, why, fix);
  }
}
