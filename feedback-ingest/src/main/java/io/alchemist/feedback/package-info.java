/**
 * Feedback from Delta tables: what is stored, how a row is judged and joined with its turn, and the stream of it.
 *
 * <p>{@link io.alchemist.feedback.FeedbackStream} hands over the rows that were appended to {@code feedback}, batch by
 * batch. {@link io.alchemist.feedback.FeedbackJoin#sort} decides what each row is: trainable, counted, waiting for its turn,
 * or not used. When the batch has been trained, its outcome is appended to {@code rounds} by
 * {@link io.alchemist.feedback.RoundLog#append}: from then on the batch is decided. Rows of {@code quarantine} and
 * {@code versions} follow from the round and are written after it, by transactions that are done once. A batch that comes
 * again after a crash is looked up by {@link io.alchemist.feedback.RoundLog#find}; if it is there, nothing is sorted or
 * trained, and what follows is written again, which changes nothing where it was there.
 *
 * <p>Appends are made by this process through Delta Kernel, without Spark jobs. A batch is one Spark job, which judges its rows,
 * as long as its turns are among the newest and its ids are new; else the table {@code turns}, or the ids of all earlier rounds, are
 * looked at, too.
 */
package io.alchemist.feedback;
