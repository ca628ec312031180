package io.alchemist.helpdesk;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a vocabulary as the files of a Hugging Face model directory: {@code tokenizer.json} (BPE with byte-level
 * pre-tokenizer and decoder), {@code tokenizer_config.json} (chat template, special tokens) and
 * {@code generation_config.json}. Nothing is put before a text by the tokenizer itself.
 */
public final class TokenizerFiles {
  /** The longest context the embedded model is made for, tokens. */
  public static final int MAX_LENGTH = 512;

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private TokenizerFiles() {}

  /** Writes the three files into the directory, which is made where it is missing. */
  public static void write(Bpe bpe, Path directory) throws IOException {
    Files.createDirectories(directory);
    write(directory.resolve("tokenizer.json"), tokenizer(bpe));
    write(directory.resolve("tokenizer_config.json"), tokenizerConfig());
    write(directory.resolve("generation_config.json"), generationConfig(bpe));
  }

  private static void write(Path file, ObjectNode content) throws IOException {
    Files.writeString(file, JSON.writeValueAsString(content) + "\n");
  }

  private static ObjectNode tokenizer(Bpe bpe) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    for (int id = 0; id < bpe.specials().size(); id++) {
      added
          .addObject()
          .put("id", id)
          .put("content", bpe.specials().get(id))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"));
    root.putNull("post_processor");
    byteLevel(root.putObject("decoder"));
    model(root.putObject("model"), bpe);
    return root;
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
  }

  private static void model(ObjectNode model, Bpe bpe) {
    model
        .put("type", "BPE")
        .putNull("dropout")
        .putNull("unk_token")
        .putNull("continuing_subword_prefix")
        .putNull("end_of_word_suffix")
        .put("fuse_unk", false)
        .put("byte_fallback", false)
        .put("ignore_merges", false);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < bpe.tokens().size(); id++) {
      vocabulary.put(bpe.tokens().get(id), id);
    }
    ArrayNode merges = model.putArray("merges");
    for (Bpe.Merge merge : bpe.merges()) {
      merges.add(bpe.tokens().get(merge.left()) + " " + bpe.tokens().get(merge.right()));
    }
  }

  private static ObjectNode tokenizerConfig() {
    return JSON.createObjectNode()
        .put("tokenizer_class", "PreTrainedTokenizerFast")
        .put("model_max_length", MAX_LENGTH)
        .put("bos_token", ChatML.END_OF_TEXT)
        .put("eos_token", ChatML.END)
        .put("pad_token", ChatML.END_OF_TEXT)
        .putNull("unk_token")
        .put("add_bos_token", false)
        .put("add_prefix_space", false)
        .put("clean_up_tokenization_spaces", false)
        .put("chat_template", ChatML.TEMPLATE);
  }

  private static ObjectNode generationConfig(Bpe bpe) {
    int pad = bpe.specials().indexOf(ChatML.END_OF_TEXT);
    ObjectNode root = JSON.createObjectNode();
    root.put("bos_token_id", pad).put("pad_token_id", pad).put("do_sample", false);
    root.putArray("eos_token_id").add(bpe.specials().indexOf(ChatML.END)).add(pad);
    return root;
  }
}
