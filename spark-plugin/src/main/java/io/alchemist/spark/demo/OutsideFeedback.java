package io.alchemist.spark.demo;

import org.jspecify.annotations.Nullable;

/**
 * Feedback as a system outside writes it: a row of the table {@code feedback}, or a body of {@code POST /v1/feedback}. Nothing is
 * checked here: what outside systems write may be wrong.
 *
 * @param id unique; the same feedback sent twice has the same id
 * @param turnId the id of the answer it is about
 * @param kind thumb, score, correction, preference or text
 * @param score thumb: -1 or 1; score: a number; else null
 * @param text correction: the answer that would have been right; else null
 * @param user who says so
 * @param createdEpochMillis when it was said
 */
public record OutsideFeedback(
    String id,
    String turnId,
    String kind,
    @Nullable Double score,
    @Nullable String text,
    String user,
    long createdEpochMillis) {

  static OutsideFeedback thumbUp(String id, String turnId, String user) {
    return new OutsideFeedback(id, turnId, "thumb", 1.0, null, user, System.currentTimeMillis());
  }

  static OutsideFeedback correction(String id, String turnId, String text, String user) {
    return new OutsideFeedback(
        id, turnId, "correction", null, text, user, System.currentTimeMillis());
  }
}
