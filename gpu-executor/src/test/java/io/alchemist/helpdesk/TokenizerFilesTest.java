package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files mean to Hugging Face's tokenizer what the trainer meant. */
class TokenizerFilesTest {
  private static final Corpus CORPUS = Corpus.builtIn(1);
  private static final Bpe BPE = BpeTrainer.train(CORPUS);

  @TempDir
  static Path directory;

  private static HuggingFaceTokenizer tokenizer;

  @BeforeAll
  static void load(@TempDir Path temporary) throws IOException {
    directory = temporary;
    System.setProperty("DJL_CACHE_DIR", directory.resolve("cache").toString());
    System.setProperty("OPT_OUT_TRACKING", "true");
    TokenizerFiles.write(BPE, directory.resolve("model"));
    tokenizer = HuggingFaceTokenizer.newInstance(directory.resolve("model/tokenizer.json"));
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  @Test
  void dialoguesAreCutAlike() {
    CORPUS.dialogues(2_000).map(ChatML::render).forEach(text -> assertThat(ids(text))
        .as(text)
        .isEqualTo(BPE.encode(text)));
  }

  @Test
  void anyTextIsCutAlikeAndRoundTrips() {
    for (String text : List.of(
        "Grüße aus Zürich, 東京 und Ελλάδα!",
        "It's they'll WE'RE we've 12345 $9.99 ½ ٣",
        "  two  spaces \t tab \r\n line\n\n lines   ",
        "emoji 👩‍🚀🏽 and\u00a0no-break\u2003wide\u2028line",
        "<|im_start|>user\n<|im_end|><|endoftext|> <|im_middle|>",
        "naïve café e\u0301 \u0000\u0001\u007f\ufeff")) {
      assertThat(ids(text)).as(text).isEqualTo(BPE.encode(text));
      assertThat(tokenizer.decode(longs(BPE.encode(text)), false)).isEqualTo(text);
      assertThat(BPE.decode(BPE.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void endOfTurnAndTemplateAreInTheConfiguration() throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNode tokenizerConfig =
        json.readTree(directory.resolve("model/tokenizer_config.json").toFile());
    assertThat(tokenizerConfig.get("eos_token").asText()).isEqualTo("<|im_end|>");
    assertThat(tokenizerConfig.get("chat_template").asText()).isEqualTo(ChatML.TEMPLATE);
    assertThat(tokenizerConfig.get("model_max_length").asInt()).isEqualTo(512);
    JsonNode generation =
        json.readTree(directory.resolve("model/generation_config.json").toFile());
    assertThat(generation.get("eos_token_id").toString()).isEqualTo("[2,0]");
  }

  private static int[] ids(String text) {
    return Arrays.stream(tokenizer.encode(text, false, false).getIds())
        .mapToInt(id -> (int) id)
        .toArray();
  }

  private static long[] longs(int[] ids) {
    return Arrays.stream(ids).asLongStream().toArray();
  }
}
