package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.alchemist.feedback.FeedbackRules.Fault;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FeedbackRulesTest {
  private static final FeedbackRules RULES = new FeedbackRules(8, 20, 1_000, 2);

  @ParameterizedTest
  @CsvSource(
      nullValues = "null",
      value = {
        "id, turn, thumb, 1, null, null, null, null",
        "id, turn, thumb, -1, null, null, null, null",
        "id, turn, thumb, 0.5, null, null, null, BAD_SCORE",
        "id, turn, thumb, null, null, null, null, BAD_SCORE",
        "id, turn, thumb, NaN, null, null, null, BAD_SCORE",
        "id, turn, score, -3.5, null, null, null, null",
        "id, turn, score, null, null, null, null, BAD_SCORE",
        "id, turn, score, NaN, null, null, null, BAD_SCORE",
        "id, turn, score, -Infinity, null, null, null, BAD_SCORE",
        "id, turn, correction, null, right, null, me, null",
        "id, turn, correction, NaN, right, null, null, null",
        "id, turn, correction, null, null, null, null, MISSING_TEXT",
        "id, turn, correction, null, '', null, null, EMPTY_TEXT",
        "id, turn, preference, null, better, worse, null, null",
        "id, turn, preference, null, null, worse, null, MISSING_TEXT",
        "id, turn, text, null, ' \t\u2003', null, null, EMPTY_TEXT",
        "id, turn, text, null, 12345678901234567890, null, null, null",
        "id, turn, text, null, 123456789012345678901, null, null, TOO_LONG",
        "id, turn, thumb, 1, 123456789012345678901, null, null, TOO_LONG",
        "id, turn, preference, null, a, 123456789012345678901, null, TOO_LONG",
        "id, turn, thumb, 1, null, null, 123456789, TOO_LONG",
        "id, 123456789, thumb, 1, null, null, null, TOO_LONG",
        "123456789, turn, thumb, 1, null, null, null, TOO_LONG",
        "123456789, null, thumb, 1, null, null, null, TOO_LONG",
        "12345678, turn, thumb, 1, null, null, null, null",
        "null, null, null, null, null, null, null, MISSING_ID",
        "' ', turn, thumb, 1, null, null, null, MISSING_ID",
        "id, null, thumb, 1, null, null, null, MISSING_TURN",
        "id, '', thumb, 1, null, null, null, MISSING_TURN",
        "id, turn, null, 1, null, null, null, UNKNOWN_KIND",
        "id, turn, Thumb, 1, null, null, null, UNKNOWN_KIND",
      })
  void rows(
      @Nullable String id,
      @Nullable String turnId,
      @Nullable String kind,
      @Nullable Double score,
      @Nullable String text,
      @Nullable String rejected,
      @Nullable String user,
      @Nullable Reason expected) {
    Fault fault = RULES.judge(id, turnId, kind, score, text, rejected, user);

    assertThat(fault == null ? null : fault.reason()).isEqualTo(expected);
    assertThat(RULES.usableId(id))
        .isEqualTo(id != null && !id.isBlank() && id.length() <= RULES.maxIdChars());
  }

  @Test
  void detailsQuoteWhatIsWrongAndNoMore() {
    Fault fault =
        FeedbackRules.DEFAULTS.judge("id", "turn", "x".repeat(5_000), null, null, null, null);

    assertThat(fault)
        .isEqualTo(new Fault(
            Reason.UNKNOWN_KIND,
            "The kind is '" + "x".repeat(40)
                + "...', not thumb, score, correction, preference or text."));
  }

  @Test
  void limitsAreChecked() {
    assertThatThrownBy(() -> new FeedbackRules(0, 1, 0, 0))
        .hasMessage("maxIdChars = 0 is less than 1.");
    assertThatThrownBy(() -> new FeedbackRules(1, 1, -1, 0))
        .hasMessage("maxWaitMillis = -1 is less than 0.");
  }
}
