package io.alchemist.spark.demo;

/**
 * What the users did so far.
 *
 * @param answers they got
 * @param streamed of these, token by token
 * @param right of these, right
 * @param posted feedback sent by {@code POST /v1/feedback} and confirmed
 * @param appended feedback rows in the table, nonsense included
 * @param corrections sent, either way
 * @param thumbs sent, either way
 * @param nonsense rows written on purpose
 * @param failures requests that failed
 */
public record UserCounts(
    long answers,
    long streamed,
    long right,
    long posted,
    long appended,
    long corrections,
    long thumbs,
    long nonsense,
    long failures) {

  /** Feedback that has reached the system. */
  public long sent() {
    return posted + appended;
  }
}
