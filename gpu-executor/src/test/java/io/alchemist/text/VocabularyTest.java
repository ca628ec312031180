package io.alchemist.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class VocabularyTest {

  @Test
  void kindsHaveGgufsNames() {
    assertThat(Vocabulary.Kind.named("gpt2")).isEqualTo(Vocabulary.Kind.BYTE_LEVEL_BPE);
    assertThat(Vocabulary.Kind.named("llama")).isEqualTo(Vocabulary.Kind.SENTENCE_PIECE);
    assertThatThrownBy(() -> Vocabulary.Kind.named("bert"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tokenizer.ggml.model = 'bert' is not supported: 'gpt2'");
  }

  @Test
  void partsMustFitTogether() {
    assertThatThrownBy(() -> pieces(new float[2], new int[0], 0))
        .hasMessage("tokenizer.ggml.scores has 2 entries for 1 tokens. Check the model file.");
    assertThatThrownBy(() -> pieces(new float[1], new int[3], 0))
        .hasMessage("tokenizer.ggml.token_type has 3 entries for 1 tokens. Check the model file.");
    assertThatThrownBy(() -> pieces(new float[1], new int[1], 7))
        .hasMessage(
            "tokenizer.ggml.bos_token_id = 7 is not one of the 1 tokens. Check the model file.");
    assertThatThrownBy(() -> pieces(new float[0], new int[0], 0))
        .hasMessageContaining("tokenizer.ggml.scores is missing");
  }

  @Test
  void someTokenMustStandForUnknownCharacters() {
    assertThatThrownBy(() -> Tokenizer.fromVocabulary(pieces(new float[1], new int[0], 0)))
        .hasMessageContaining("neither an unknown token nor all 256 byte tokens");
  }

  private static Vocabulary pieces(float[] scores, int[] types, int bos) {
    return new Vocabulary(
        Vocabulary.Kind.SENTENCE_PIECE,
        List.of("a"),
        scores,
        types,
        List.of(),
        null,
        bos,
        null,
        null,
        null,
        null);
  }
}
