package io.alchemist.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rules by which byte-level BPE models cut text into words before merging, under the names GGUF gives them. */
enum PreTokenizer {
  /** GPT-2: contractions, words with a leading blank, digits, punctuation, white space. */
  GPT2(List.of("default", "gpt-2")),
  /** As GPT-2, each digit alone. */
  SMOLLM(List.of("smollm")),
  /** Words with one leading character that is no letter, digits in threes; a word in the vocabulary needs no merges. */
  LLAMA3(List.of("llama-bpe", "llama3", "llama-v3")),
  /** As Llama 3, each digit alone, text in Unicode's form NFC. */
  QWEN2(List.of("qwen2", "deepseek-r1-qwen"));

  private static final String WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+"
          + "|\\s+(?!\\S)|\\s+";

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of
  private final List<String> names;

  PreTokenizer(List<String> names) {
    this.names = names;
  }

  /**
   * The rules of that name; null stands for the default.
   *
   * @throws IllegalArgumentException when there are none
   */
  static PreTokenizer named(@Nullable String name) {
    String wanted = name == null ? "default" : name;
    for (PreTokenizer rules : values()) {
      if (rules.names.contains(wanted)) {
        return rules;
      }
    }
    throw new IllegalArgumentException("tokenizer.ggml.pre = '" + wanted
        + "' is not supported: the names default, gpt-2, smollm, llama-bpe, llama3,"
        + " llama-v3, qwen2 and deepseek-r1-qwen are. Use the model's Hugging Face directory, whose tokenizer.json"
        + " carries the rules.");
  }

  /** Whether a word that is in the vocabulary is taken whole, even where no merges lead to it. */
  boolean ignoresMerges() {
    return this == LLAMA3;
  }

  /** The entry {@code normalizer} of a tokenizer.json, or null for none. */
  @Nullable
  ObjectNode normalizer() {
    return this == QWEN2 ? JsonNodeFactory.instance.objectNode().put("type", "NFC") : null;
  }

  /** The entry {@code pre_tokenizer} of a tokenizer.json. */
  ObjectNode toJson() {
    return switch (this) {
      case GPT2 -> byteLevel(true);
      case SMOLLM ->
        sequence(
            JsonNodeFactory.instance
                .objectNode()
                .put("type", "Digits")
                .put("individual_digits", true),
            byteLevel(true));
      case LLAMA3 -> sequence(split(String.format(WORDS, "{1,3}")), byteLevel(false));
      case QWEN2 -> sequence(split(String.format(WORDS, "")), byteLevel(false));
    };
  }

  private static ObjectNode byteLevel(boolean useRegex) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", useRegex);
  }

  private static ObjectNode split(String regex) {
    ObjectNode split = JsonNodeFactory.instance.objectNode().put("type", "Split");
    split.putObject("pattern").put("Regex", regex);
    return split.put("behavior", "Isolated").put("invert", false);
  }

  private static ObjectNode sequence(ObjectNode... steps) {
    ObjectNode sequence = JsonNodeFactory.instance.objectNode().put("type", "Sequence");
    ArrayNode list = sequence.putArray("pretokenizers");
    for (ObjectNode step : steps) {
      list.add(step);
    }
    return sequence;
  }
}
