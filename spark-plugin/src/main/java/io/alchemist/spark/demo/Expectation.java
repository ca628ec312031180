package io.alchemist.spark.demo;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a right answer to a question is. Immutable. */
public sealed interface Expectation {

  /** Whether the answer is right. */
  boolean accepts(String answer);

  /** What a user writes who corrects a wrong answer; null where users leave it uncorrected. */
  @Nullable
  String correction();

  /** Right is this text and no other. */
  record Exact(String answer) implements Expectation {
    @Override
    public boolean accepts(String given) {
      return given.strip().equals(answer);
    }

    @Override
    public String correction() {
      return answer;
    }
  }

  /** Right is whatever has one of these words in it, in upper or lower case. */
  record OneOf(List<String> words, @Nullable String correction) implements Expectation {
    public OneOf {
      words = List.copyOf(words);
    }

    @Override
    public boolean accepts(String given) {
      String answer =
          " " + given.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]+", " ") + " ";
      return words.stream()
          .anyMatch(word -> answer.contains(" " + word.toLowerCase(Locale.ROOT) + " "));
    }
  }
}
