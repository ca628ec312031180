package io.alchemist.helpdesk;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class SurfaceTest {
  private static final String QUESTION = "I live in Norway. How fast do you deliver?";

  @Property(tries = 500)
  void theWordsOfAQuestionStay(@ForAll long seed) {
    assertThat(Surface.question(QUESTION, new SplittableRandom(seed)))
        .matches(varied -> Templates.contains(varied, QUESTION));
  }

  @Property(tries = 200)
  void smallTalkGetsNoWords(@ForAll long seed) {
    assertThat(Templates.words(Surface.smallTalk("Good morning!", new SplittableRandom(seed))))
        .containsExactly("good", "morning");
  }

  @Test
  void questionsVaryAsPeopleType() {
    assertThat(IntStream.range(0, 5_000)
            .mapToObj(i -> Surface.question(QUESTION, Seeds.random(1, i)))
            .distinct())
        .contains(
            QUESTION,
            "I live in Norway. How fast do you deliver",
            "i live in norway. how fast do you deliver?",
            "Hello, I live in Norway. How fast do you deliver?",
            "I live in Norway. How fast do you deliver, please?");
  }
}
