package io.alchemist.spark.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.alchemist.serve.AnsweredTurn;
import io.alchemist.serve.Feedback;
import io.alchemist.serve.FinishReason;
import io.alchemist.serve.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the engine gives becomes what the tables have. */
class MappingTest {
  private static final int[] PROMPT = {1, 2, 3};
  private static final int[] COMPLETION = {4, 5};
  private static final float[] LOG_PROBS = {-0.5f, -1};

  @ParameterizedTest
  @EnumSource(FinishReason.class)
  void aTurnKeepsWhatItHas(FinishReason finish) {
    Turn turn = new Turn("id", 3, PROMPT, COMPLETION, LOG_PROBS, 2, finish, 1_000);
    ServedTurn served =
        ServedTurn.of(new AnsweredTurn(turn, "conversation", "me", "why?", "so", 9, 9, true));
    assertThat(served)
        .isEqualTo(new ServedTurn(
            "id",
            "conversation",
            "me",
            3,
            PROMPT,
            COMPLETION,
            LOG_PROBS,
            "why?",
            "so",
            2,
            served.finish(),
            1_000));
    assertThat(served.finish()).isEqualToIgnoringCase(finish.name()).isLowerCase();
  }

  @Test
  void aTurnOfTokensHasNoQuestion() {
    Turn turn = new Turn("id", 3, PROMPT, COMPLETION, LOG_PROBS, 0, FinishReason.STOP, 1);
    ServedTurn served = ServedTurn.of(new AnsweredTurn(turn, "c", null, null, "so", 1, 0, true));
    assertThat(served.user()).isNull();
    assertThat(served.promptText()).isNull();
  }

  @Test
  void aTurnKnowsAboutHowLargeItIs() {
    ServedTurn small =
        new ServedTurn("t", "c", null, 1, PROMPT, COMPLETION, LOG_PROBS, null, "so", 0, "stop", 1);
    ServedTurn large = new ServedTurn(
        "t",
        "c",
        null,
        1,
        new int[1_003],
        COMPLETION,
        LOG_PROBS,
        "x".repeat(500),
        "so",
        0,
        "stop",
        1);
    assertThat(large.sizeBytes() - small.sizeBytes()).isEqualTo(4 * 1_000 + 2 * 500);
    assertThat(small.sizeBytes()).isGreaterThan(4 * 3 + 8 * 2 + 2 * 2);
  }

  @ParameterizedTest
  @EnumSource(Feedback.Kind.class)
  void aFeedbackKeepsWhatItHas(Feedback.Kind kind) {
    PostedFeedback posted =
        PostedFeedback.of(new Feedback("f", "t", kind, 0.5, "text", "worse", "me", 7));
    assertThat(posted)
        .isEqualTo(new PostedFeedback("f", "t", posted.kind(), 0.5, "text", "worse", "me", 7));
    assertThat(posted.kind()).isEqualToIgnoringCase(kind.name()).isLowerCase();
    assertThat(PostedFeedback.of(new Feedback("f", "t", kind, null, null, null, null, 7)))
        .isEqualTo(new PostedFeedback("f", "t", posted.kind(), null, null, null, null, 7));
  }
}
