package io.alchemist.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A tokenizer's vocabulary as GGUF files carry it under {@code tokenizer.ggml.*}.
 *
 * @param kind {@code model}: how text is cut
 * @param tokens {@code tokens}: text of each token, by id
 * @param scores {@code scores}: the higher, the sooner a piece is formed; empty where the file has none;
 *     needed for SENTENCE_PIECE
 * @param types {@code token_type}: one of the constants here for each token; empty where the file has none and all are
 *     {@link #NORMAL}
 * @param merges {@code merges}: pairs of tokens to join, "left right", best first; only for BYTE_LEVEL_BPE
 * @param preTokenizer {@code pre}: name of the rules that cut text into words; only for BYTE_LEVEL_BPE; null for default
 * @param bos {@code bos_token_id}, or null
 * @param eos {@code eos_token_id}, or null
 * @param unknown {@code unknown_token_id}, or null
 * @param addBos {@code add_bos_token}, or null where the file does not say
 * @param addSpacePrefix {@code add_space_prefix}, or null where the file does not say
 */
@SuppressWarnings("ArrayRecordComponent") // as large as a vocabulary; never compared
public record Vocabulary(
    Kind kind,
    List<String> tokens,
    float[] scores,
    int[] types,
    List<String> merges,
    @Nullable String preTokenizer,
    @Nullable Integer bos,
    @Nullable Integer eos,
    @Nullable Integer unknown,
    @Nullable Boolean addBos,
    @Nullable Boolean addSpacePrefix) {

  /** How text is cut into tokens. */
  public enum Kind {
    /** Bytes joined by ranked merges; GGUF's model {@code gpt2}. */
    BYTE_LEVEL_BPE("gpt2"),
    /** Characters joined to the pieces of best score, with bytes for unknown ones; GGUF's model {@code llama}. */
    SENTENCE_PIECE("llama");

    private final String ggufName;

    Kind(String ggufName) {
      this.ggufName = ggufName;
    }

    /**
     * The kind that GGUF calls so.
     *
     * @throws IllegalArgumentException when it is of neither kind
     */
    public static Kind named(String ggufName) {
      for (Kind kind : values()) {
        if (kind.ggufName.equals(ggufName)) {
          return kind;
        }
      }
      throw new IllegalArgumentException("tokenizer.ggml.model = '" + ggufName
          + "' is not supported: 'gpt2' (byte-level BPE) and 'llama'"
          + " (SentencePiece) are. Use a model with one of these tokenizers.");
    }
  }

  public static final int NORMAL = 1;
  public static final int UNKNOWN = 2;
  /** Steers the model and is no text, e.g. the end of a turn. */
  public static final int CONTROL = 3;
  /** Text that is always one token. */
  public static final int USER_DEFINED = 4;

  public static final int UNUSED = 5;
  /** One byte, written {@code <0x0A>}. */
  public static final int BYTE = 6;

  /**
   * Checks that the parts fit together.
   *
   * @throws IllegalArgumentException naming the part that does not
   */
  public Vocabulary {
    tokens = List.copyOf(tokens);
    merges = List.copyOf(merges);
    if (tokens.isEmpty()) {
      throw new IllegalArgumentException("tokenizer.ggml.tokens is empty. Check the model file.");
    }
    sameLength("scores", scores.length, tokens.size());
    sameLength("token_type", types.length, tokens.size());
    inside("bos_token_id", bos, tokens.size());
    inside("eos_token_id", eos, tokens.size());
    inside("unknown_token_id", unknown, tokens.size());
    if (kind == Kind.SENTENCE_PIECE && scores.length == 0) {
      throw new IllegalArgumentException(
          "tokenizer.ggml.scores is missing: a SentencePiece vocabulary needs a score for each token. Check the model"
              + " file.");
    }
    if (kind == Kind.BYTE_LEVEL_BPE && merges.isEmpty()) {
      throw new IllegalArgumentException(
          "tokenizer.ggml.merges is missing: a byte-level BPE vocabulary needs its merges. Check the model file.");
    }
  }

  private static void sameLength(String name, int length, int tokens) {
    if (length != 0 && length != tokens) {
      throw new IllegalArgumentException("tokenizer.ggml." + name + " has " + length
          + " entries for " + tokens + " tokens. Check the model file.");
    }
  }

  private static void inside(String name, @Nullable Integer id, int tokens) {
    if (id != null && (id < 0 || id >= tokens)) {
      throw new IllegalArgumentException("tokenizer.ggml." + name + " = " + id
          + " is not one of the " + tokens + " tokens. Check the model file.");
    }
  }

  int type(int id) {
    return types.length == 0 ? NORMAL : types[id];
  }

  /** Whether texts begin with BOS; where the file does not say, as the kind of model usually does. */
  boolean beginsWithBos() {
    boolean usual =
        kind == Kind.SENTENCE_PIECE || PreTokenizer.named(preTokenizer) == PreTokenizer.LLAMA3;
    return bos != null && (addBos == null ? usual : addBos);
  }

  /** Whether a blank is put before texts. */
  boolean beginsWithSpace() {
    return addSpacePrefix == null ? kind == Kind.SENTENCE_PIECE : addSpacePrefix;
  }
}
