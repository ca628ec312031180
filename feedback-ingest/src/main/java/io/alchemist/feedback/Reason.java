package io.alchemist.feedback;

/** Why feedback was quarantined. The names are stored and stay what they are. */
public enum Reason {
  MISSING_ID("The feedback has no id."),
  MISSING_TURN("The feedback says of no turn that it is about it."),
  UNKNOWN_TURN("The turn did not appear in the table turns in time."),
  UNKNOWN_KIND("The kind is not thumb, score, correction, preference or text."),
  MISSING_TEXT("The kind needs a text, and there is none."),
  EMPTY_TEXT("The kind needs a text, and it is blank."),
  TOO_LONG("An id or a text is over the limit."),
  BAD_SCORE("A thumb's score is not -1 or 1, or a score is not a finite number."),
  DUPLICATE_ID("Another row has the same id and came first."),
  TOO_MANY_WAITING("The turn is not known, and as much feedback as may waits for its turn."),
  UNTRAINABLE(
      "Training can make no example of it, e.g. because it has more tokens than a pass takes.");

  private final String meaning;

  Reason(String meaning) {
    this.meaning = meaning;
  }

  /** A sentence for the documentation. */
  public String meaning() {
    return meaning;
  }
}
