package io.alchemist.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class DetokenizerTest {
  private static final Tokenizer BYTES =
      Tokenizer.fromVocabulary(SmallTokenizers.byteLevel("gpt-2", null));
  private static final Tokenizer PIECES =
      Tokenizer.fromVocabulary(SmallTokenizers.sentencePiece(null, null));

  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.of(
            "a",
            "b",
            "hello",
            " ",
            "  ",
            "\n",
            "ü",
            "u\u0308",
            "世界",
            "😀",
            "👩‍🚀",
            "🇩🇪",
            "अनु",
            "\u0000",
            "<s>",
            "<|im_end|>",
            "\u00a0",
            "\uFFFD",
            "<0x41")
        .list()
        .ofMaxSize(30)
        .map(parts -> String.join("", parts));
  }

  @Property(tries = 300)
  void textSurvivesTheWayThroughTokens(@ForAll("texts") String text) {
    for (Tokenizer tokenizer : List.of(BYTES, PIECES)) {
      int[] ids = tokenizer.encode(text);
      assertThat(tokenizer.decode(ids)).isEqualTo(text);
      assertThat(inPieces(tokenizer, ids)).isEqualTo(text);
    }
  }

  /** Any tokens at all, broken characters and special tokens among them. */
  @Property(tries = 500)
  void piecesMakeUpTheWhole(@ForAll("ids") List<Integer> tokens) {
    int[] ids = tokens.stream().mapToInt(id -> id).toArray();
    for (Tokenizer tokenizer : List.of(BYTES, PIECES)) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int id : ids) {
        if (!tokenizer.isSpecial(id)) {
          bytes.writeBytes(tokenizer.bytesOf(id));
        }
      }
      String whole = bytes.toString(StandardCharsets.UTF_8);
      String expected = tokenizer == PIECES && whole.startsWith(" ") ? whole.substring(1) : whole;
      assertThat(tokenizer.decode(ids)).isEqualTo(expected);
      assertThat(inPieces(tokenizer, ids)).isEqualTo(expected);
    }
  }

  @Provide
  Arbitrary<List<Integer>> ids() {
    return Arbitraries.integers().between(0, 300).list().ofMaxSize(60);
  }

  /** Checks on the way that no piece ends within a character. */
  private static String inPieces(Tokenizer tokenizer, int[] ids) {
    Detokenizer detokenizer = tokenizer.detokenizer();
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      String piece = detokenizer.append(id);
      assertThat(piece.isEmpty() || !Character.isHighSurrogate(piece.charAt(piece.length() - 1)))
          .isTrue();
      text.append(piece);
    }
    return text.append(detokenizer.flush()).toString();
  }

  @Test
  void waitsForTheLastByteOfACharacter() {
    Detokenizer detokenizer = PIECES.detokenizer();
    byte[] rocket = "🚀".getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < 3; i++) {
      assertThat(detokenizer.append(3 + (rocket[i] & 0xFF))).isEmpty();
    }
    assertThat(detokenizer.append(3 + (rocket[3] & 0xFF))).isEqualTo("🚀");
    assertThat(detokenizer.flush()).isEmpty();
  }

  @Test
  void replacesOnlyInvalidBytes() {
    Detokenizer detokenizer = PIECES.detokenizer();
    assertThat(detokenizer.append(3 + 0xE2)).isEmpty();
    assertThat(detokenizer.append(PIECES.idOf("a").orElseThrow())).isEqualTo("\uFFFDa");
    assertThat(detokenizer.append(3 + 0xE2)).isEmpty();
    assertThat(detokenizer.flush()).isEqualTo("\uFFFD");
  }

  @Test
  void skipsSpecialTokensAndThoseBeyondTheVocabulary() {
    assertThat(BYTES.decode(1, 2, 100_000)).isEmpty();
  }

  @Test
  void dropsTheLeadingBlankOnlyAtTheStartOfAText() {
    int hello = PIECES.idOf("\u2581hello").orElseThrow();
    Detokenizer start = PIECES.detokenizer();
    assertThat(start.append(1) + start.append(hello) + start.append(hello))
        .isEqualTo("hello hello");
    assertThat(PIECES.continuingDetokenizer().append(hello)).isEqualTo(" hello");
  }
}
