package io.alchemist.files;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.ModelConfig;
import io.alchemist.weights.WeightNames;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes GGUF files for tests, right ones and wrong ones. Value types follow from the Java types. */
final class GgufBuilder {
  private static final int ALIGNMENT = 32;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Tensor(List<Long> shape, int type, byte[] data) {}

  int version = 3;
  final Map<String, Object> pairs = new LinkedHashMap<>();
  final Map<String, Tensor> tensors = new LinkedHashMap<>();
  /** Counts that are claimed in place of the true ones. */
  long extraPairs;

  long extraTensors;
  long offsetShift;

  /** A whole model, float32, with query and key rows interleaved. */
  static GgufBuilder model(ModelConfig config, Map<String, float[]> weights) {
    GgufBuilder gguf = new GgufBuilder();
    gguf.pairs.put("general.architecture", "llama");
    gguf.pairs.put("llama.embedding_length", config.hiddenSize());
    gguf.pairs.put("llama.block_count", config.layers());
    gguf.pairs.put("llama.attention.head_count", config.heads());
    gguf.pairs.put("llama.attention.head_count_kv", config.kvHeads());
    gguf.pairs.put("llama.feed_forward_length", config.ffnSize());
    gguf.pairs.put("llama.attention.layer_norm_rms_epsilon", config.normEpsilon());
    gguf.pairs.put("llama.context_length", config.maxPositions());
    gguf.pairs.put("llama.rope.freq_base", (float) config.rope().theta());
    gguf.pairs.put("llama.rope.dimension_count", config.headDim());
    Map<String, List<Long>> shapes = WeightShapes.of(config);
    weights.forEach((name, values) -> {
      boolean rotary = name.endsWith("q_proj.weight") || name.endsWith("k_proj.weight");
      gguf.floats(
          ggufName(name), Fixtures.get(shapes, name), rotary ? interleave(values, config) : values);
    });
    return gguf;
  }

  void floats(String name, List<Long> shape, float... values) {
    tensors.put(name, new Tensor(shape, 0, Fixtures.floats(values)));
  }

  /** Row i + s * half of a head goes to row 2i + s. */
  private static float[] interleave(float[] rows, ModelConfig config) {
    int columns = config.hiddenSize();
    int half = config.headDim() / 2;
    float[] out = new float[rows.length];
    for (int row = 0; row < rows.length / columns; row++) {
      int head = row / config.headDim() * config.headDim();
      int i = (row - head) % half;
      int s = (row - head) / half;
      System.arraycopy(rows, row * columns, out, (head + 2 * i + s) * columns, columns);
    }
    return out;
  }

  static String ggufName(String canonical) {
    if (canonical.equals(WeightNames.EMBEDDING)) {
      return "token_embd.weight";
    }
    if (canonical.equals(WeightNames.FINAL_NORM)) {
      return "output_norm.weight";
    }
    if (canonical.equals(WeightNames.HEAD)) {
      return "output.weight";
    }
    String[] parts = canonical.split("[.]", 4);
    String module = parts[3].replace(".weight", "");
    String name =
        switch (module) {
          case "input_layernorm" -> "attn_norm";
          case "post_attention_layernorm" -> "ffn_norm";
          default ->
            switch (LinearLayer.named(module.substring(module.indexOf('.') + 1))) {
              case Q -> "attn_q";
              case K -> "attn_k";
              case V -> "attn_v";
              case O -> "attn_output";
              case GATE -> "ffn_gate";
              case UP -> "ffn_up";
              case DOWN -> "ffn_down";
            };
        };
    return "blk." + parts[2] + "." + name + ".weight";
  }

  Path write(Path file) {
    return Fixtures.write(file, bytes());
  }

  byte[] bytes() {
    Out out = new Out();
    out.bytes("GGUF".getBytes(StandardCharsets.UTF_8));
    out.int32(version);
    out.int64(tensors.size() + extraTensors);
    out.int64(pairs.size() + extraPairs);
    pairs.forEach((key, value) -> {
      out.string(key);
      out.int32(Out.type(value));
      out.value(value);
    });
    long offset = 0;
    for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
      out.string(tensor.getKey());
      List<Long> shape = tensor.getValue().shape;
      out.int32(shape.size());
      for (int i = shape.size() - 1; i >= 0; i--) {
        out.int64(shape.get(i));
      }
      out.int32(tensor.getValue().type);
      out.int64(offset == 0 ? 0 : offset + offsetShift);
      offset += aligned(tensor.getValue().data.length);
    }
    tensors.values().forEach(tensor -> {
      out.bytes(new byte[(int) aligned(out.bytes.size()) - out.bytes.size()]);
      out.bytes(tensor.data);
    });
    return out.bytes.toByteArray();
  }

  private static long aligned(long size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** An array that claims to have more elements than it has. */
  record Lying(int type, long count) {}

  private static final class Out {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    static int type(Object value) {
      if (value instanceof Byte) {
        return 1;
      } else if (value instanceof Short) {
        return 3;
      } else if (value instanceof Integer) {
        return 4;
      } else if (value instanceof Float) {
        return 6;
      } else if (value instanceof Boolean) {
        return 7;
      } else if (value instanceof String) {
        return 8;
      } else if (value instanceof Long) {
        return 11;
      } else if (value instanceof Double) {
        return 12;
      }
      return 9;
    }

    void value(Object value) {
      if (value instanceof Byte v) {
        bytes(new byte[] {v});
      } else if (value instanceof Short v) {
        bytes(little(2).putShort(v).array());
      } else if (value instanceof Integer v) {
        int32(v);
      } else if (value instanceof Float v) {
        int32(Float.floatToRawIntBits(v));
      } else if (value instanceof Boolean v) {
        bytes(new byte[] {(byte) (v ? 1 : 0)});
      } else if (value instanceof String v) {
        string(v);
      } else if (value instanceof Long v) {
        int64(v);
      } else if (value instanceof Double v) {
        int64(Double.doubleToRawLongBits(v));
      } else if (value instanceof Lying v) {
        int32(v.type);
        int64(v.count);
      } else {
        List<?> list = new ArrayList<>((List<?>) value);
        int32(list.isEmpty() ? 4 : type(list.get(0)));
        int64(list.size());
        list.forEach(this::value);
      }
    }

    void string(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      int64(utf8.length);
      bytes(utf8);
    }

    void int32(int value) {
      bytes(little(4).putInt(value).array());
    }

    void int64(long value) {
      bytes(little(8).putLong(value).array());
    }

    void bytes(byte[] more) {
      bytes.writeBytes(more);
    }

    private static ByteBuffer little(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
