package io.alchemist.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The bytes each token stands for, worked out once from the {@code decoder} of a tokenizer.json, so that decoding is
 * looking up. Immutable.
 *
 * <p>Two kinds of decoder are known. Byte-level: each character of a token is one byte, by GPT-2's table. SentencePiece:
 * U+2581 is a blank, {@code <0xE2>} is a byte, and the blank that begins a text was put there by the encoder and is
 * dropped.
 */
final class TokenBytes {
  private static final int[] BYTE_OF_CHARACTER = byteLevelTable();

  private final byte[] data;
  private final int[] ends;
  private final BitSet special;
  private final boolean startsWithSpace;

  private TokenBytes(byte[][] tokens, BitSet special, boolean startsWithSpace) {
    this.ends = new int[tokens.length];
    int total = 0;
    for (int id = 0; id < tokens.length; id++) {
      total += tokens[id].length;
      ends[id] = total;
    }
    this.data = new byte[total];
    for (int id = 0; id < tokens.length; id++) {
      System.arraycopy(tokens[id], 0, data, start(id), tokens[id].length);
    }
    this.special = special;
    this.startsWithSpace = startsWithSpace;
  }

  /** GPT-2's table: printable Latin-1 characters are themselves, the other bytes follow from U+0100 in order. */
  private static int[] byteLevelTable() {
    int[] table = new int[0x180];
    Arrays.fill(table, -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      table[printable ? b : next++] = b;
    }
    return table;
  }

  /**
   * Reads a tokenizer.json.
   *
   * @param names every token's text by id; null where there is no such id
   * @throws IllegalArgumentException when the decoder is of another kind
   */
  static TokenBytes of(JsonNode json, @Nullable String[] names) {
    List<JsonNode> steps = new ArrayList<>();
    flatten(json.path("decoder"), steps);
    boolean byteLevel = false;
    boolean byteFallback = false;
    boolean startsWithSpace = false;
    Map<String, String> replacements = new HashMap<>();
    for (JsonNode step : steps) {
      switch (step.path("type").asText()) {
        case "ByteLevel" -> byteLevel = true;
        case "ByteFallback" -> byteFallback = true;
        case "Fuse" -> {}
        case "Replace" ->
          replacements.put(
              step.path("pattern").path("String").asText(), step.path("content").asText());
        case "Metaspace" -> {
          replacements.put(step.path("replacement").asText("\u2581"), " ");
          startsWithSpace = step.has("prepend_scheme")
              ? !step.path("prepend_scheme").asText().equals("never")
              : step.path("add_prefix_space").asBoolean(true);
        }
        case "Strip" -> startsWithSpace = leadingBlank(step);
        default -> throw unsupported(step);
      }
    }
    if (steps.isEmpty() || (byteLevel && steps.size() > 1)) {
      throw unsupported(json.path("decoder"));
    }
    BitSet special = new BitSet();
    byte[][] tokens = new byte[names.length][];
    for (int id = 0; id < names.length; id++) {
      String name = names[id];
      tokens[id] = name == null
          ? new byte[0]
          : byteLevel ? byteLevel(name) : pieces(name, replacements, byteFallback);
    }
    for (JsonNode token : json.path("added_tokens")) {
      int id = token.path("id").asInt(-1);
      if (id < 0 || id >= tokens.length) {
        throw new IllegalArgumentException(
            "The added token '" + token.path("content").asText()
                + "' is listed twice, with different ids. Check" + " tokenizer.json.");
      }
      special.set(id, token.path("special").asBoolean());
      if (byteLevel) {
        tokens[id] = token.path("content").asText().getBytes(StandardCharsets.UTF_8);
      }
    }
    return new TokenBytes(tokens, special, startsWithSpace);
  }

  private static void flatten(JsonNode decoder, List<JsonNode> steps) {
    if (decoder.path("type").asText().equals("Sequence")) {
      decoder.path("decoders").forEach(step -> flatten(step, steps));
    } else if (decoder.isObject()) {
      steps.add(decoder);
    }
  }

  private static boolean leadingBlank(JsonNode strip) {
    if (!strip.path("content").asText().equals(" ")
        || strip.path("start").asInt() > 1
        || strip.path("stop").asInt() != 0) {
      throw unsupported(strip);
    }
    return strip.path("start").asInt() == 1;
  }

  private static IllegalArgumentException unsupported(JsonNode decoder) {
    return new IllegalArgumentException("The decoder " + decoder
        + " of tokenizer.json is not supported: known are ByteLevel, Metaspace, and sequences"
        + " of Replace, ByteFallback, Fuse and Strip of one leading blank, as byte-level BPE and SentencePiece"
        + " models have them. Convert the tokenizer to one of these.");
  }

  private static byte[] byteLevel(String name) {
    byte[] bytes = new byte[name.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = name.charAt(i);
      if (c >= BYTE_OF_CHARACTER.length || BYTE_OF_CHARACTER[c] < 0) {
        return name.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) BYTE_OF_CHARACTER[c];
    }
    return bytes;
  }

  private static byte[] pieces(
      String name, Map<String, String> replacements, boolean byteFallback) {
    if (byteFallback && name.matches("<0x[0-9A-Fa-f]{2}>")) {
      return new byte[] {(byte) Integer.parseInt(name.substring(3, 5), 16)};
    }
    String text = name;
    for (Map.Entry<String, String> replacement : replacements.entrySet()) {
      text = text.replace(replacement.getKey(), replacement.getValue());
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Whether encoding puts a blank before a text, which decoding must take away. */
  boolean startsWithSpace() {
    return startsWithSpace;
  }

  int size() {
    return ends.length;
  }

  boolean isSpecial(int id) {
    if (id < 0) {
      throw new IllegalArgumentException("Token " + id + " is negative: token ids start at 0.");
    }
    return special.get(id);
  }

  private int start(int id) {
    return id == 0 ? 0 : ends[id - 1];
  }

  /** Number of bytes; 0 beyond the vocabulary. */
  int length(int id) {
    return id < ends.length ? ends[id] - start(id) : 0;
  }

  /** Most bytes of any token. */
  int longest() {
    int longest = 0;
    for (int id = 0; id < ends.length; id++) {
      longest = Math.max(longest, length(id));
    }
    return longest;
  }

  void copy(int id, ByteBuffer into) {
    into.put(data, start(id), length(id));
  }
}
