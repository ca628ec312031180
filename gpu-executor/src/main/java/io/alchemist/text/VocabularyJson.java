package io.alchemist.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a GGUF vocabulary as the tokenizer.json that means the same. As in llama.cpp and in Hugging Face's converted
 * Llama tokenizers, a SentencePiece vocabulary that puts a blank before texts also puts one after each control and
 * user-defined token.
 */
final class VocabularyJson {
  private static final String BLANK = "\u2581";

  private final Vocabulary vocabulary;
  private final ObjectNode json = JsonNodeFactory.instance.objectNode();
  private final boolean sentencePiece;

  private VocabularyJson(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.sentencePiece = vocabulary.kind() == Vocabulary.Kind.SENTENCE_PIECE;
  }

  static ObjectNode of(Vocabulary vocabulary) {
    return new VocabularyJson(vocabulary).build();
  }

  private ObjectNode build() {
    json.put("version", "1.0").putNull("truncation").putNull("padding");
    addedTokens(json.putArray("added_tokens"));
    if (sentencePiece) {
      json.set("normalizer", blanks());
      json.putNull("pre_tokenizer");
      json.set("decoder", pieceDecoder());
    } else {
      PreTokenizer rules = PreTokenizer.named(vocabulary.preTokenizer());
      json.set("normalizer", rules.normalizer());
      json.set("pre_tokenizer", rules.toJson());
      json.set(
          "decoder", typed("ByteLevel").put("add_prefix_space", false).put("trim_offsets", true));
    }
    if (vocabulary.beginsWithBos()) {
      json.set("post_processor", bosFirst());
    } else {
      json.putNull("post_processor");
    }
    json.set("model", model());
    return json;
  }

  private static ObjectNode typed(String type) {
    return JsonNodeFactory.instance.objectNode().put("type", type);
  }

  private void addedTokens(ArrayNode added) {
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      int type = vocabulary.type(id);
      boolean control = type == Vocabulary.CONTROL || (type == Vocabulary.UNKNOWN && sentencePiece);
      if (control || type == Vocabulary.USER_DEFINED) {
        added
            .addObject()
            .put("id", id)
            .put("content", text(id))
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", control);
      }
    }
  }

  /** User-defined pieces are looked for in the text before its blanks are replaced. */
  private String text(int id) {
    String token = vocabulary.tokens().get(id);
    return sentencePiece && vocabulary.type(id) == Vocabulary.USER_DEFINED
        ? token.replace(BLANK, " ")
        : token;
  }

  private ObjectNode blanks() {
    ObjectNode replace = typed("Replace");
    replace.putObject("pattern").put("String", " ");
    replace.put("content", BLANK);
    if (!vocabulary.beginsWithSpace()) {
      return replace;
    }
    ObjectNode sequence = typed("Sequence");
    sequence.putArray("normalizers").add(typed("Prepend").put("prepend", BLANK)).add(replace);
    return sequence;
  }

  private ObjectNode pieceDecoder() {
    ObjectNode replace = typed("Replace");
    replace.putObject("pattern").put("String", BLANK);
    replace.put("content", " ");
    ObjectNode sequence = typed("Sequence");
    ArrayNode decoders =
        sequence.putArray("decoders").add(replace).add(typed("ByteFallback")).add(typed("Fuse"));
    if (vocabulary.beginsWithSpace()) {
      decoders.add(typed("Strip").put("content", " ").put("start", 1).put("stop", 0));
    }
    return sequence;
  }

  private ObjectNode bosFirst() {
    int id = vocabulary.bos() == null ? 0 : vocabulary.bos();
    String bos = text(id);
    ObjectNode template = typed("TemplateProcessing");
    sequence(template.putArray("single"), bos, "A", 0);
    sequence(sequence(template.putArray("pair"), bos, "A", 0), bos, "B", 1);
    ObjectNode token = template.putObject("special_tokens").putObject(bos).put("id", bos);
    token.putArray("ids").add(id);
    token.putArray("tokens").add(bos);
    return template;
  }

  private static ArrayNode sequence(ArrayNode into, String bos, String id, int type) {
    into.addObject().putObject("SpecialToken").put("id", bos).put("type_id", type);
    into.addObject().putObject("Sequence").put("id", id).put("type_id", type);
    return into;
  }

  private ObjectNode model() {
    ObjectNode model = typed("BPE").putNull("dropout");
    boolean allBytes = hasAllBytes();
    Integer unknown = unknown();
    if (sentencePiece && !allBytes && unknown == null) {
      throw new IllegalArgumentException(
          "The vocabulary has neither an unknown token nor all 256 byte tokens, so that some characters could not be"
              + " encoded. Check the model file.");
    }
    model.put("unk_token", sentencePiece && unknown != null ? text(unknown) : null);
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", sentencePiece).put("byte_fallback", sentencePiece && allBytes);
    model.put(
        "ignore_merges",
        !sentencePiece && PreTokenizer.named(vocabulary.preTokenizer()).ignoresMerges());
    ObjectNode ids = model.putObject("vocab");
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      if (!ids.has(text(id))) {
        ids.put(text(id), id);
      }
    }
    ArrayNode merges = model.putArray("merges");
    if (sentencePiece) {
      pairs().forEach(pair -> merges.addArray().add(pair.left()).add(pair.right()));
    } else {
      vocabulary.merges().forEach(merges::add);
    }
    return model;
  }

  private @Nullable Integer unknown() {
    if (vocabulary.unknown() != null) {
      return vocabulary.unknown();
    }
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      if (vocabulary.type(id) == Vocabulary.UNKNOWN) {
        return id;
      }
    }
    return null;
  }

  private boolean hasAllBytes() {
    int count = 0;
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      count += vocabulary.type(id) == Vocabulary.BYTE ? 1 : 0;
    }
    return count >= 256;
  }

  /** Two pieces that may be joined to a third. Lengths are in characters. */
  private record Pair(String left, String right, float score, int leftLength, int rightLength) {}

  /**
   * SentencePiece joins, again and again, the neighbours whose union has the best score; BPE joins those whose merge has
   * the best rank. So every pair of pieces whose union is a piece becomes a merge, ranked by the union's score.
   */
  private List<Pair> pairs() {
    Map<String, Integer> pieces = new HashMap<>();
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      if (vocabulary.type(id) == Vocabulary.NORMAL) {
        pieces.putIfAbsent(vocabulary.tokens().get(id), id);
      }
    }
    float[] scores = vocabulary.scores();
    List<Pair> pairs = new ArrayList<>();
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      String piece = vocabulary.tokens().get(id);
      if (vocabulary.type(id) != Vocabulary.NORMAL) {
        continue;
      }
      int length = piece.codePointCount(0, piece.length());
      int cut = 0;
      for (int i = 1; i < length; i++) {
        cut = piece.offsetByCodePoints(cut, 1);
        String left = piece.substring(0, cut);
        String right = piece.substring(cut);
        if (pieces.containsKey(left) && pieces.containsKey(right)) {
          pairs.add(new Pair(left, right, scores[id], i, length - i));
        }
      }
    }
    pairs.sort(Comparator.comparingDouble((Pair pair) -> -pair.score())
        .thenComparing(Comparator.comparingInt(Pair::leftLength).reversed())
        .thenComparing(Comparator.comparingInt(Pair::rightLength).reversed()));
    return pairs;
  }
}
