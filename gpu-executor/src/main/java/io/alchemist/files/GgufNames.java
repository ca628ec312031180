package io.alchemist.files;

import io.alchemist.weights.LinearLayer;
import io.alchemist.weights.WeightNames;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** GGUF's names of a Llama model's tensors. */
final class GgufNames {
  static final String EMBEDDING = "token_embd.weight";
  static final String HEAD = "output.weight";
  static final String FINAL_NORM = "output_norm.weight";
  /** What rotary frequencies are divided by: headDim / 2 values, no weight of the model. */
  static final String FREQUENCY_DIVISORS = "rope_freqs.weight";

  private static final Pattern BLOCK = Pattern.compile("blk\\.(0|[1-9]\\d{0,5})\\.(\\w+)\\.weight");

  private GgufNames() {}

  /** The canonical name, or null where there is none. */
  static @Nullable String canonical(String name) {
    switch (name) {
      case EMBEDDING -> {
        return WeightNames.EMBEDDING;
      }
      case FINAL_NORM -> {
        return WeightNames.FINAL_NORM;
      }
      case HEAD -> {
        return WeightNames.HEAD;
      }
      default -> {
        Matcher block = BLOCK.matcher(name);
        return block.matches() ? inLayer(Integer.parseInt(block.group(1)), block.group(2)) : null;
      }
    }
  }

  private static @Nullable String inLayer(int layer, String part) {
    return switch (part) {
      case "attn_norm" -> WeightNames.attentionNorm(layer);
      case "ffn_norm" -> WeightNames.ffnNorm(layer);
      case "attn_q" -> WeightNames.linear(layer, LinearLayer.Q);
      case "attn_k" -> WeightNames.linear(layer, LinearLayer.K);
      case "attn_v" -> WeightNames.linear(layer, LinearLayer.V);
      case "attn_output" -> WeightNames.linear(layer, LinearLayer.O);
      case "ffn_gate" -> WeightNames.linear(layer, LinearLayer.GATE);
      case "ffn_up" -> WeightNames.linear(layer, LinearLayer.UP);
      case "ffn_down" -> WeightNames.linear(layer, LinearLayer.DOWN);
      default -> null;
    };
  }
}
