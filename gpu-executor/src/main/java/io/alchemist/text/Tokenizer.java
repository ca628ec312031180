package io.alchemist.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Turns text into token ids and back. Thread-safe; owns native memory until closed.
 *
 * <p>Control tokens ("special" ones: the end of a turn, the beginning of text) steer the model, so who may write them
 * matters. {@link #encode} treats their spelling as plain text; {@link #encodeTemplated} turns it into the token,
 * whoever wrote it; {@link #encodeChat} does so only for what the template wrote.
 *
 * <p>Encoding is done by the native library of Hugging Face's tokenizers, which unpacks itself at first use into a
 * directory that the system property {@code alchemist.native.cache} names (default: {@code alchemist-native-<user>} in
 * {@code java.io.tmpdir}) and loads nothing from the network. Decoding is done here, from a table of bytes.
 */
public final class Tokenizer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** A word whose encoding does not matter: it shows what is put before it. */
  private static final String PROBE = "a";

  private final NativeTokenizer full;
  private final NativeTokenizer plain;
  private final TokenBytes bytes;
  private final Map<String, Integer> ids;
  private final int[] prefix;
  private final Pattern controlSpellings;

  private Tokenizer(ObjectNode json, @Nullable Boolean addBos, @Nullable String bos) {
    String modelType = json.path("model").path("type").asText("BPE");
    if (!modelType.equals("BPE") || !json.path("model").path("vocab").isObject()) {
      throw new IllegalArgumentException("The tokenizer model '" + modelType
          + "' is not supported: BPE, byte-level or SentencePiece, is. Use a model"
          + " of the Llama family.");
    }
    this.ids = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : json.path("model").path("vocab").properties()) {
      ids.put(entry.getKey(), entry.getValue().asInt(-1));
    }
    List<String> controls = new ArrayList<>();
    for (JsonNode token : json.path("added_tokens")) {
      ids.put(token.path("content").asText(), token.path("id").asInt(-1));
      if (token.path("special").asBoolean()) {
        controls.add(token.path("content").asText());
      }
    }
    this.bytes = TokenBytes.of(json, names());
    this.controlSpellings = Guard.spellings(controls);
    this.full = new NativeTokenizer(json.toString());
    try {
      this.plain = controls.isEmpty() ? full : new NativeTokenizer(withoutControls(json));
    } catch (RuntimeException e) {
      full.close();
      throw e;
    }
    this.prefix = prefix(addBos, bos);
  }

  private @Nullable String[] names() {
    int size = 0;
    for (Map.Entry<String, Integer> entry : ids.entrySet()) {
      // A lying file must not make us allocate by its largest id.
      if (entry.getValue() < 0 || entry.getValue() > 16 * ids.size() + 1_000_000) {
        throw new IllegalArgumentException("Token '" + entry.getKey() + "' has the id "
            + entry.getValue() + ", among " + ids.size() + " tokens. Check tokenizer.json.");
      }
      size = Math.max(size, entry.getValue() + 1);
    }
    @Nullable String[] names = new @Nullable String[size];
    ids.forEach((name, id) -> names[id] = name);
    return names;
  }

  private static String withoutControls(ObjectNode json) {
    ObjectNode copy = JSON.createObjectNode();
    copy.setAll(json);
    ArrayNode kept = copy.putArray("added_tokens");
    for (JsonNode token : json.path("added_tokens")) {
      if (!token.path("special").asBoolean()) {
        kept.add(token);
      }
    }
    return copy.toString();
  }

  /** What the post-processor puts before a text; what it puts after one would end the text to be continued. */
  private int[] prefix(@Nullable Boolean addBos, @Nullable String bos) {
    if (addBos != null && bos != null && ids.containsKey(bos)) {
      return addBos ? new int[] {ids.get(bos)} : new int[0];
    }
    int[] framed = full.encode(PROBE, true);
    int[] bare = full.encode(PROBE, false);
    for (int start = 0; start + bare.length <= framed.length; start++) {
      if (Arrays.equals(framed, start, start + bare.length, bare, 0, bare.length)) {
        return Arrays.copyOf(framed, start);
      }
    }
    return new int[0];
  }

  /**
   * Reads a Hugging Face tokenizer.json, and where a {@code tokenizer_config.json} beside it says whether texts begin
   * with BOS ({@code add_bos_token}), goes by that.
   *
   * @throws IOException when a file can't be read or is no JSON
   * @throws IllegalArgumentException when the tokenizer is malformed or of a kind that is not supported
   */
  public static Tokenizer fromJson(Path tokenizerJson) throws IOException {
    JsonNode json = parse(Files.readString(tokenizerJson), tokenizerJson.toString());
    Path configFile = tokenizerJson.resolveSibling("tokenizer_config.json");
    JsonNode config = Files.exists(configFile)
        ? parse(Files.readString(configFile), configFile.toString())
        : JSON.createObjectNode();
    JsonNode addBos = config.path("add_bos_token");
    JsonNode bos = config.path("bos_token");
    String bosText = bos.isObject() ? bos.path("content").asText() : bos.asText();
    return new Tokenizer(
        object(json, tokenizerJson.toString()),
        addBos.isBoolean() ? (Boolean) addBos.asBoolean() : null,
        bosText);
  }

  /**
   * Makes a tokenizer from the text of a tokenizer.json.
   *
   * @throws IOException when it is no JSON
   * @throws IllegalArgumentException when it is malformed or of a kind that is not supported
   */
  public static Tokenizer fromJson(String tokenizerJson) throws IOException {
    return new Tokenizer(
        object(parse(tokenizerJson, "The tokenizer"), "The tokenizer"), null, null);
  }

  /**
   * Makes a tokenizer from a GGUF vocabulary.
   *
   * @throws IllegalArgumentException when it is of a kind that is not supported
   */
  public static Tokenizer fromVocabulary(Vocabulary vocabulary) {
    return new Tokenizer(VocabularyJson.of(vocabulary), null, null);
  }

  private static JsonNode parse(String text, String name) throws IOException {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IOException(
          name + " is no JSON: " + e.getOriginalMessage() + ". Check that the file is complete.",
          e);
    }
  }

  private static ObjectNode object(JsonNode json, String name) {
    if (json instanceof ObjectNode object) {
      return object;
    }
    throw new IllegalArgumentException(
        name + " is JSON, but no object. Check that it is a tokenizer.json.");
  }

  /**
   * Encodes raw text, e.g. of a completion request, with BOS first where the model asks for it. Control tokens spelt in
   * the text are encoded as plain text.
   */
  public int[] encode(String text) {
    return IntStream.concat(Arrays.stream(prefix), Arrays.stream(encodeContinuation(text)))
        .toArray();
  }

  /** Encodes raw text that goes on after other tokens, e.g. an answer: nothing is added, control tokens are plain text. */
  public int[] encodeContinuation(String text) {
    return plain.encode(text, false);
  }

  /**
   * Encodes text that a chat template rendered: control tokens in it are recognised, nothing is added. A control token
   * spelt inside a message is recognised as well; {@link #encodeChat} prevents that.
   */
  public int[] encodeTemplated(String text) {
    return full.encode(text, false);
  }

  /**
   * Renders and encodes a conversation, with the beginning of the answer to generate. What the messages say stays text:
   * a control token spelt in one is encoded as plain text, so users can't end their turn and begin another's. While the
   * template runs, such a spelling is a mark of a few characters, so a template that measures or cuts contents sees
   * those; other contents are seen as they are.
   *
   * @throws io.alchemist.text.jinja.TemplateException as {@link ChatTemplate#renderForGeneration}
   */
  public int[] encodeChat(ChatTemplate template, List<ChatMessage> messages) {
    Guard guard = new Guard(controlSpellings);
    return encode(guard.parts(template.renderForGeneration(guard.mark(messages))));
  }

  /** As {@link #encodeChat}, for the conversation as it stands. */
  public int[] encodeTranscript(ChatTemplate template, List<ChatMessage> messages) {
    Guard guard = new Guard(controlSpellings);
    return encode(guard.parts(template.renderTranscript(guard.mark(messages))));
  }

  private int[] encode(List<Guard.Part> parts) {
    List<int[]> encoded = new ArrayList<>();
    for (Guard.Part part : parts) {
      encoded.add((part.spelling() ? plain : full).encode(part.text(), false));
    }
    return encoded.stream().flatMapToInt(Arrays::stream).toArray();
  }

  /**
   * The text of a whole sequence, as a {@link #detokenizer} gives it in pieces.
   *
   * @param ids tokens; those beyond the vocabulary stand for no text
   */
  public String decode(int... ids) {
    Detokenizer detokenizer = detokenizer();
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(detokenizer.append(id));
    }
    return text.append(detokenizer.flush()).toString();
  }

  /** For a sequence whose text begins with its first token, e.g. an answer in a chat: a leading blank is dropped. */
  public Detokenizer detokenizer() {
    return new Detokenizer(bytes, true);
  }

  /** For a sequence that continues a text, e.g. a completion: a leading blank separates it from that text and stays. */
  public Detokenizer continuingDetokenizer() {
    return new Detokenizer(bytes, false);
  }

  /** One more than the largest token id. A model's embedding table may have more rows. */
  public int vocabSize() {
    return bytes.size();
  }

  /** The id of a token as the vocabulary spells it, e.g. {@code <|im_end|>}. */
  public OptionalInt idOf(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * Whether the token steers the model and is no text.
   *
   * @throws IllegalArgumentException when the id is negative
   */
  public boolean isSpecial(int id) {
    return bytes.isSpecial(id);
  }

  /**
   * The bytes one token stands for, perhaps part of a character; of a special token, its spelling.
   *
   * @throws IllegalArgumentException when the id is negative
   */
  public byte[] bytesOf(int id) {
    bytes.isSpecial(id);
    ByteBuffer copy = ByteBuffer.allocate(bytes.length(id));
    if (copy.hasRemaining()) {
      bytes.copy(id, copy);
    }
    return copy.array();
  }

  /** Most bytes that a token stands for. */
  public int longestToken() {
    return bytes.longest();
  }

  /** Frees the native memory; encoding fails from now on. */
  @Override
  public void close() {
    full.close();
    plain.close();
  }
}
