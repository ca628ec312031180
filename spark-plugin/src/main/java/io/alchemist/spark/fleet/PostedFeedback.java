package io.alchemist.spark.fleet;

import io.alchemist.serve.Feedback;
import java.io.Serializable;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A feedback that was posted to an executor, on its way to the table {@code feedback}. Its components are the table's columns.
 *
 * @param id unique
 * @param turnId the response it is about
 * @param kind thumb, score, correction, preference or text
 * @param score of a thumb or score, else null
 * @param text of the other kinds, else null
 * @param rejected of a preference, or null
 * @param user who says so, or null
 * @param createdEpochMillis when
 */
public record PostedFeedback(
    String id,
    String turnId,
    String kind,
    @Nullable Double score,
    @Nullable String text,
    @Nullable String rejected,
    @Nullable String user,
    long createdEpochMillis)
    implements Serializable {

  /** Of what the API server took. */
  public static PostedFeedback of(Feedback feedback) {
    return new PostedFeedback(
        feedback.id(),
        feedback.turnId(),
        feedback.kind().name().toLowerCase(Locale.ROOT),
        feedback.score(),
        feedback.text(),
        feedback.rejected(),
        feedback.user(),
        feedback.createdEpochMillis());
  }
}
