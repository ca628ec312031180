package io.alchemist.serve;

import org.jspecify.annotations.Nullable;

/**
 * What somebody thought of an answer.
 *
 * @param id unique; the same feedback sent twice has the same id
 * @param turnId the id of the response it is about
 * @param kind thumb, score, correction, preference or text
 * @param score thumb: -1 or 1; score: a number; else null
 * @param text correction: the answer that would have been right; preference: the better answer; text: the remark
 * @param rejected preference: the worse answer, null for the one served
 * @param user who says so, or null
 * @param createdEpochMillis when it was said
 */
public record Feedback(
    String id,
    String turnId,
    Kind kind,
    @Nullable Double score,
    @Nullable String text,
    @Nullable String rejected,
    @Nullable String user,
    long createdEpochMillis) {

  /** Kinds of feedback. */
  public enum Kind {
    THUMB,
    SCORE,
    CORRECTION,
    PREFERENCE,
    TEXT
  }
}
