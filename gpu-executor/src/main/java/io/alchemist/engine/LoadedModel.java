package io.alchemist.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.alchemist.files.Checkpoint;
import io.alchemist.files.GgufCheckpoint;
import io.alchemist.files.GgufMetadata;
import io.alchemist.files.HuggingFaceCheckpoint;
import io.alchemist.files.ModelFileException;
import io.alchemist.files.ModelFiles;
import io.alchemist.text.ChatTemplate;
import io.alchemist.text.Tokenizer;
import io.alchemist.text.Vocabulary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model opened from disk with all that serving it needs: weights, tokenizer, chat template, and the tokens that end a turn.
 *
 * @param name the name under which it is served: the last part of its path
 * @param checkpoint weights
 * @param tokenizer text to tokens
 * @param template conversations to text; null where the model has none, and then only raw completions work
 * @param endOfTurn tokens that end a completion
 */
public record LoadedModel(
    String name,
    Checkpoint checkpoint,
    Tokenizer tokenizer,
    @Nullable ChatTemplate template,
    Set<Integer> endOfTurn)
    implements AutoCloseable {

  /** Tokens that end a turn in the usual chat formats; also how a format is recognised where no template is given. */
  private static final String CHAT_ML_END = "<|im_end|>";

  private static final String LLAMA3_END = "<|eot_id|>";

  /**
   * Opens a Hugging Face directory or a GGUF file.
   *
   * @throws ModelFileException when it is not one that this engine can serve
   */
  public static LoadedModel open(Path path) {
    Checkpoint checkpoint = ModelFiles.open(path);
    try {
      return checkpoint instanceof GgufCheckpoint gguf
          ? fromGguf(gguf)
          : fromDirectory((HuggingFaceCheckpoint) checkpoint);
    } catch (IOException e) {
      checkpoint.close();
      throw new UncheckedIOException("Reading " + path + " failed", e);
    } catch (RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  private static LoadedModel fromDirectory(HuggingFaceCheckpoint checkpoint) throws IOException {
    Path directory = checkpoint.path();
    Path json = directory.resolve("tokenizer.json");
    if (!Files.isRegularFile(json)) {
      throw new ModelFileException(
          directory,
          "there is no tokenizer.json",
          "text can't be cut into this model's tokens without it",
          "Save the model's fast tokenizer into the directory.");
    }
    Tokenizer tokenizer = Tokenizer.fromJson(json);
    Set<Integer> ends = new HashSet<>();
    for (String file : List.of("generation_config.json", "config.json")) {
      if (Files.isRegularFile(directory.resolve(file))) {
        JsonNode eos =
            new ObjectMapper().readTree(directory.resolve(file).toFile()).path("eos_token_id");
        eos.forEach(id -> ends.add(id.asInt()));
        if (eos.isInt()) {
          ends.add(eos.asInt());
        }
      }
    }
    return complete(checkpoint, tokenizer, ChatTemplate.fromDirectory(directory), ends);
  }

  private static LoadedModel fromGguf(GgufCheckpoint checkpoint) {
    GgufMetadata data = checkpoint.metadata();
    String prefix = "tokenizer.ggml.";
    List<String> tokens = data.strings(prefix + "tokens")
        .orElseThrow(() -> new ModelFileException(
            checkpoint.path(),
            "there is no " + prefix + "tokens",
            "the file carries no vocabulary",
            "Convert the model with its tokenizer."));
    Vocabulary vocabulary = new Vocabulary(
        Vocabulary.Kind.named(data.string(prefix + "model").orElse("")),
        tokens,
        data.floats(prefix + "scores").orElse(new float[0]),
        data.ints(prefix + "token_type").orElse(new int[0]),
        data.strings(prefix + "merges").orElse(List.of()),
        data.string(prefix + "pre").orElse(null),
        id(data, prefix + "bos_token_id"),
        id(data, prefix + "eos_token_id"),
        id(data, prefix + "unknown_token_id"),
        data.flag(prefix + "add_bos_token").orElse(null),
        data.flag(prefix + "add_space_prefix").orElse(null));
    Set<Integer> ends = new HashSet<>();
    for (String key : List.of("eos_token_id", "eot_token_id")) {
      Integer id = id(data, prefix + key);
      if (id != null) {
        ends.add(id);
      }
    }
    Map<String, String> special = new HashMap<>();
    for (String kind : List.of("bos", "eos")) {
      Integer id = id(data, prefix + kind + "_token_id");
      if (id != null && id >= 0 && id < tokens.size()) {
        special.put(kind + "_token", tokens.get(id));
      }
    }
    Optional<ChatTemplate> template =
        data.string("tokenizer.chat_template").map(source -> ChatTemplate.parse(source, special));
    return complete(checkpoint, Tokenizer.fromVocabulary(vocabulary), template, ends);
  }

  /** The tokens of an answer, ended as the model ends its turn: what it is to learn to say. */
  public int[] answerTokens(String text) {
    int[] tokens = tokenizer.encodeContinuation(text);
    // Of several marks the highest id is the chat format's; the lower one ends a text.
    OptionalInt end = endOfTurn.stream().mapToInt(Integer::intValue).max();
    if (end.isEmpty()) {
      return tokens;
    }
    int[] ended = Arrays.copyOf(tokens, tokens.length + 1);
    ended[tokens.length] = end.getAsInt();
    return ended;
  }

  private static @Nullable Integer id(GgufMetadata data, String key) {
    return data.integer(key).isPresent() ? Math.toIntExact(data.integer(key).getAsLong()) : null;
  }

  private static LoadedModel complete(
      Checkpoint checkpoint,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      Set<Integer> ends) {
    ChatTemplate chat = template.orElse(null);
    for (String end : List.of(CHAT_ML_END, LLAMA3_END)) {
      OptionalInt id = tokenizer.idOf(end);
      if (id.isPresent()) {
        ends.add(id.getAsInt());
        if (chat == null) {
          chat = end.equals(CHAT_ML_END) ? ChatTemplate.chatMl() : ChatTemplate.llama3();
        }
      }
    }
    if (tokenizer.vocabSize() > checkpoint.config().vocabSize()) {
      throw new ModelFileException(
          checkpoint.path(),
          "the tokenizer has tokens up to " + (tokenizer.vocabSize() - 1)
              + ", the model embeds only " + checkpoint.config().vocabSize(),
          "the tokenizer belongs to another model",
          "Put the model's own tokenizer beside it.");
    }
    Path file = checkpoint.path().toAbsolutePath().normalize().getFileName();
    String name = file == null ? "model" : file.toString().replaceFirst("\\.gguf$", "");
    return new LoadedModel(name, checkpoint, tokenizer, chat, Set.copyOf(ends));
  }

  @Override
  public void close() {
    tokenizer.close();
    checkpoint.close();
  }
}
