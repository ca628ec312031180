package io.alchemist.feedback;

import java.io.Serializable;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What feedback must be like. Judges a row by itself, without its turn and without other rows.
 *
 * @param maxIdChars the longest id, turn id or user
 * @param maxTextChars the longest text
 * @param maxWaitMillis how long feedback waits for its turn to be known
 * @param maxWaiting how much feedback may wait at once
 */
public record FeedbackRules(int maxIdChars, int maxTextChars, long maxWaitMillis, int maxWaiting)
    implements Serializable {

  /** 256 characters an id, 32,768 a text; 1,000 may wait, for 10 minutes. */
  public static final FeedbackRules DEFAULTS = new FeedbackRules(256, 32_768, 600_000, 1_000);

  /** How much of a wrong value is quoted. */
  private static final int QUOTED_CHARS = 40;

  public FeedbackRules {
    atLeast("maxIdChars", maxIdChars, 1);
    atLeast("maxTextChars", maxTextChars, 1);
    atLeast("maxWaitMillis", maxWaitMillis, 0);
    atLeast("maxWaiting", maxWaiting, 0);
  }

  /** What is wrong with a row. */
  record Fault(Reason reason, String detail) {}

  /** Whether feedback that has waited since then has waited long enough. */
  boolean isOver(Instant since, Instant now) {
    return !since.plusMillis(maxWaitMillis).isAfter(now);
  }

  /** Whether rows can be told apart and remembered by this id. */
  boolean usableId(@Nullable String id) {
    return id != null && !id.isBlank() && id.length() <= maxIdChars;
  }

  /** What is wrong with a row by itself, or null. */
  @Nullable
  Fault judge(
      @Nullable String id,
      @Nullable String turnId,
      @Nullable String kind,
      @Nullable Double score,
      @Nullable String text,
      @Nullable String rejected,
      @Nullable String user) {
    if (id == null || id.isBlank()) {
      return new Fault(Reason.MISSING_ID, "The column id is null or blank.");
    }
    if (turnId == null || turnId.isBlank()) {
      Fault tooLong = tooLong("id", id, maxIdChars);
      return tooLong != null
          ? tooLong
          : new Fault(Reason.MISSING_TURN, "The column turn_id is null or blank.");
    }
    Fault tooLong = firstTooLong(id, turnId, text, rejected, user);
    if (tooLong != null) {
      return tooLong;
    }
    Kind known = Kind.named(kind);
    if (known == null) {
      return new Fault(
          Reason.UNKNOWN_KIND,
          "The kind is " + quoted(kind) + ", not thumb, score, correction, preference or text.");
    }
    return switch (known) {
      case THUMB ->
        score != null && (score == 1 || score == -1)
            ? null
            : new Fault(Reason.BAD_SCORE, "A thumb's score is 1 or -1, not " + score + ".");
      case SCORE ->
        score != null && Double.isFinite(score)
            ? null
            : new Fault(Reason.BAD_SCORE, "A score is a finite number, not " + score + ".");
      case CORRECTION, PREFERENCE, TEXT -> text(known, text);
    };
  }

  /** Kinds of feedback. */
  enum Kind {
    THUMB,
    SCORE,
    CORRECTION,
    PREFERENCE,
    TEXT;

    /** The kind a row names, in lower case as it is stored, or null. */
    static @Nullable Kind named(@Nullable String name) {
      for (Kind kind : values()) {
        if (kind.label().equals(name)) {
          return kind;
        }
      }
      return null;
    }

    String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static @Nullable Fault text(Kind kind, @Nullable String text) {
    if (text == null) {
      return new Fault(Reason.MISSING_TEXT, "A " + kind.label() + " needs a text; it is null.");
    }
    return text.isBlank()
        ? new Fault(Reason.EMPTY_TEXT, "A " + kind.label() + " needs a text; it is blank.")
        : null;
  }

  private @Nullable Fault firstTooLong(
      String id,
      String turnId,
      @Nullable String text,
      @Nullable String rejected,
      @Nullable String user) {
    Fault fault = tooLong("id", id, maxIdChars);
    fault = fault != null ? fault : tooLong("turn_id", turnId, maxIdChars);
    fault = fault != null ? fault : tooLong("user", user, maxIdChars);
    fault = fault != null ? fault : tooLong("text", text, maxTextChars);
    return fault != null ? fault : tooLong("rejected", rejected, maxTextChars);
  }

  private static @Nullable Fault tooLong(String column, @Nullable String value, int maxChars) {
    return value == null || value.length() <= maxChars
        ? null
        : new Fault(
            Reason.TOO_LONG,
            "The column " + column + " has " + value.length() + " characters; the limit is "
                + maxChars + ". It begins with " + quoted(value) + ".");
  }

  private static String quoted(@Nullable String value) {
    if (value == null) {
      return "null";
    }
    return value.length() <= QUOTED_CHARS
        ? "'" + value + "'"
        : "'" + value.substring(0, QUOTED_CHARS) + "...'";
  }

  private static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " = " + value + " is less than " + least + ".");
    }
  }
}
