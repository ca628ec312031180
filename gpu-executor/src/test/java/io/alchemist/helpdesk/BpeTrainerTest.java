package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
  private static final Corpus CORPUS = Corpus.builtIn(1);
  private static final Bpe BPE = BpeTrainer.train(CORPUS);

  @Test
  void mergesTheMostFrequentPairFirst() {
    // "ab" 5 times, "bc" 4 times; then "ab" + "c" 3 times.
    Bpe bpe = new BpeTrainer(261).train(Stream.of("abc", "abc", "abc", "ab", "ab", "bc"));
    assertThat(bpe.tokens().subList(259, bpe.tokens().size())).containsExactly("ab", "abc");
    assertThat(bpe.encode("abcab")).containsExactly(260, 259);
  }

  @Test
  void stopsWhereNoPairOccursTwice() {
    assertThat(new BpeTrainer(1_000).train(Stream.of("xyz")).merges()).isEmpty();
  }

  @Test
  void specialTokensAndBytesComeFirstAndNothingTwice() {
    assertThat(BPE.tokens()).hasSize(BpeTrainer.BUILT_IN_SIZE).doesNotHaveDuplicates();
    assertThat(BPE.tokens().subList(0, 3)).isEqualTo(ChatML.SPECIAL_TOKENS);
    assertThat(new HashSet<>(BPE.tokens().subList(3, 259))).hasSize(256);
  }

  @Test
  void sameCorpusGivesTheSameVocabulary() {
    assertThat(BpeTrainer.train(Corpus.builtIn(1)).merges()).isEqualTo(BPE.merges());
  }

  @Property(tries = 300)
  void anyTextRoundTrips(@ForAll String text) {
    // A lone surrogate is no text; Java writes it to UTF-8 as a question mark.
    String valid = text.replaceAll("[\\uD800-\\uDFFF]", "?");
    assertThat(BPE.decode(BPE.encode(valid))).isEqualTo(valid);
  }

  @Test
  void answersAreFewTokensAndDialoguesFit() {
    assertThat(BPE.encode("The Harbor branch opens at 7:30 am.")).hasSizeLessThan(12);
    int longest = CORPUS
        .dialogues(20_000)
        .mapToInt(dialogue -> BPE.encode(ChatML.render(dialogue)).length)
        .max()
        .orElseThrow();
    assertThat(longest).isLessThan(200);
  }

  @Test
  void spansTokeniseOneByOne() {
    CORPUS.dialogues(500).forEach(dialogue -> {
      List<Integer> parts = ChatML.spans(dialogue).stream()
          .flatMap(span -> Arrays.stream(BPE.encode(span.text())).boxed())
          .toList();
      assertThat(parts)
          .isEqualTo(Arrays.stream(BPE.encode(ChatML.render(dialogue))).boxed().toList());
    });
  }

  @Test
  void refusesAVocabularyThatHoldsNotEvenTheBytes() {
    assertThatThrownBy(() -> new BpeTrainer(258))
        .hasMessage(
            "A vocabulary of 258 tokens can't hold all bytes and special tokens: ask for at least 259");
  }
}
