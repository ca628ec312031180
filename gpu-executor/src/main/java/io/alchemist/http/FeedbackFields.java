package io.alchemist.http;

import io.alchemist.serve.Feedback;
import io.alchemist.serve.RequestException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the body of a feedback. Fields must fit the kind, and unknown ones are refused: what would be silently dropped
 * here would be missing in training.
 */
final class FeedbackFields {
  private static final Set<String> NAMES =
      Set.of("id", "turn_id", "kind", "score", "text", "rejected", "user");
  private static final int MAX_ID_CHARS = 128;
  private static final int MAX_TEXT_CHARS = 1 << 18;
  private static final int MAX_USER_CHARS = 256;
  private static final Pattern ID = Pattern.compile("[!-~]+");

  private FeedbackFields() {}

  /**
   * @param generatedId the id where the client gives none
   * @throws RequestException naming the field that is wrong
   */
  static Feedback read(Fields fields, String generatedId, long nowEpochMillis) {
    fields.names().forEachRemaining(name -> {
      if (!NAMES.contains(name)) {
        throw new RequestException(
            RequestException.Kind.INVALID,
            "unknown_parameter",
            name,
            name
                + " is no field of feedback; there are id, turn_id, kind, score, text, rejected and user.");
      }
    });
    String id = id(fields, "id");
    String turnId = id(fields, "turn_id");
    if (turnId == null) {
      throw fields.missing("turn_id");
    }
    Feedback.Kind kind = kind(fields.requiredString("kind", Integer.MAX_VALUE));
    return new Feedback(
        id == null ? generatedId : id,
        turnId,
        kind,
        score(fields, kind),
        text(fields, kind),
        rejected(fields, kind),
        fields.string("user", MAX_USER_CHARS),
        nowEpochMillis);
  }

  private static @Nullable String id(Fields fields, String name) {
    String id = fields.string(name, MAX_ID_CHARS);
    if (id != null && !ID.matcher(id).matches()) {
      throw RequestException.invalid(
          name, name + " must be visible ASCII characters without spaces, and at least one.");
    }
    return id;
  }

  private static Feedback.Kind kind(String name) {
    for (Feedback.Kind kind : Feedback.Kind.values()) {
      if (word(kind).equals(name)) {
        return kind;
      }
    }
    throw RequestException.invalid(
        "kind",
        "kind must be one of "
            + Arrays.stream(Feedback.Kind.values()).map(FeedbackFields::word).toList() + ".");
  }

  private static @Nullable Double score(Fields fields, Feedback.Kind kind) {
    Double score = fields.number("score");
    boolean wanted = kind == Feedback.Kind.THUMB || kind == Feedback.Kind.SCORE;
    checkPresence(fields, "score", kind, wanted);
    if (kind == Feedback.Kind.THUMB && score != null && Math.abs(score) != 1) {
      throw RequestException.invalid(
          "score", "score = " + score + " is not a thumb's: 1 for up or -1 for down.");
    }
    return score;
  }

  private static @Nullable String text(Fields fields, Feedback.Kind kind) {
    String text = fields.string("text", MAX_TEXT_CHARS);
    boolean wanted = kind != Feedback.Kind.THUMB && kind != Feedback.Kind.SCORE;
    checkPresence(fields, "text", kind, wanted);
    if (text != null && text.isBlank()) {
      throw RequestException.invalid("text", "text is blank; kind " + word(kind) + " needs it.");
    }
    return text;
  }

  private static @Nullable String rejected(Fields fields, Feedback.Kind kind) {
    if (kind != Feedback.Kind.PREFERENCE) {
      checkPresence(fields, "rejected", kind, false);
    }
    return fields.string("rejected", MAX_TEXT_CHARS);
  }

  private static void checkPresence(
      Fields fields, String name, Feedback.Kind kind, boolean wanted) {
    boolean present = fields.value(name) != null;
    if (wanted && !present) {
      throw new RequestException(
          RequestException.Kind.INVALID,
          "missing_required_parameter",
          name,
          name + " is missing; kind " + word(kind) + " needs it.");
    }
    if (present && !wanted) {
      throw RequestException.invalid(
          name, name + " does not go with kind " + word(kind) + "; leave it out.");
    }
  }

  private static String word(Feedback.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
