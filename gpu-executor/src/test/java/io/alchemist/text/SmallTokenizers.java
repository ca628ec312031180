package io.alchemist.text;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Small vocabularies of both kinds, made up for tests. */
final class SmallTokenizers {
  private SmallTokenizers() {}

  /** GPT-2's character for a byte, worked out here independently of the code under test. */
  static String byteCharacter(int b) {
    List<Integer> plain = new ArrayList<>();
    for (int c = 0; c < 256; c++) {
      if ((c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255)) {
        plain.add(c);
      }
    }
    if (plain.contains(b)) {
      return Character.toString(b);
    }
    int others = 0;
    for (int c = 0; c < b; c++) {
      others += plain.contains(c) ? 0 : 1;
    }
    return Character.toString(256 + others);
  }

  /** Ids: 0 end of text, 1 and 2 ChatML's controls, 3 user-defined, 4 to 259 bytes, then merges. */
  static Vocabulary byteLevel(@Nullable String preTokenizer, @Nullable Boolean addBos) {
    List<String> tokens =
        new ArrayList<>(List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool>"));
    for (int b = 0; b < 256; b++) {
      tokens.add(byteCharacter(b));
    }
    List<String> merges = List.of(
        "h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "1 2", "12 3", "Ã ¼", "ð Ł", "ðŁ ĺ");
    merges.forEach(merge -> tokens.add(merge.replace(" ", "")));
    int[] types = new int[tokens.size()];
    for (int id = 0; id < types.length; id++) {
      types[id] =
          id < 3 ? Vocabulary.CONTROL : id == 3 ? Vocabulary.USER_DEFINED : Vocabulary.NORMAL;
    }
    return new Vocabulary(
        Vocabulary.Kind.BYTE_LEVEL_BPE,
        tokens,
        new float[0],
        types,
        merges,
        preTokenizer,
        0,
        2,
        null,
        addBos,
        null);
  }

  /** Ids: 0 unknown, 1 and 2 controls, 3 to 258 bytes, 259 user-defined, then pieces. */
  static Vocabulary sentencePiece(@Nullable Boolean addBos, @Nullable Boolean addSpacePrefix) {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    for (int b = 0; b < 256; b++) {
      tokens.add(String.format("<0x%02X>", b));
    }
    tokens.add("=\u2581=");
    int firstPiece = tokens.size();
    tokens.addAll(List.of(
        "\u2581h",
        "he",
        "ll",
        "\u2581he",
        "llo",
        "\u2581hello",
        "ab",
        "bc",
        "abc",
        "\u2581",
        "h",
        "e",
        "l",
        "o",
        "a",
        "b",
        "c",
        "ü",
        "<",
        "s",
        ">",
        "/"));
    int[] types = new int[tokens.size()];
    float[] scores = new float[tokens.size()];
    for (int id = 0; id < types.length; id++) {
      types[id] = id == 0
          ? Vocabulary.UNKNOWN
          : id < 3
              ? Vocabulary.CONTROL
              : id < firstPiece - 1
                  ? Vocabulary.BYTE
                  : id < firstPiece ? Vocabulary.USER_DEFINED : Vocabulary.NORMAL;
      scores[id] = id < firstPiece ? 0 : firstPiece - id;
    }
    return new Vocabulary(
        Vocabulary.Kind.SENTENCE_PIECE,
        tokens,
        scores,
        types,
        List.of(),
        null,
        1,
        2,
        0,
        addBos,
        addSpacePrefix);
  }
}
