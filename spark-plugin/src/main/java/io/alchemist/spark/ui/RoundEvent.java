package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.jspecify.annotations.Nullable;

/**
 * A training round that has ended. Immutable. Part of the event log's format: components may be added, never renamed.
 * The same round may be posted twice, since a batch may run twice; the last one holds.
 *
 * @param round number of the round, from 1 on
 * @param queryId the streaming query whose batch it trained
 * @param batchId number of that batch
 * @param fromVersion the version it started from
 * @param toVersion the version it made live; null where it made none
 * @param steps optimizer steps
 * @param examples examples trained
 * @param received feedback rows in the batch
 * @param trained rows that became examples
 * @param counted rows that were only counted, such as a thumb up without a text
 * @param heldOut rows kept for the gate
 * @param quarantined rows that could not be used
 * @param waiting rows that wait for their turn to arrive
 * @param loss mean loss per predicted token in nats; null where nothing was trained
 * @param gradientNorm norm of the gradient before clipping; null where nothing was trained
 * @param gate PASSED, REJECTED, or why there was no verdict, for people
 * @param gateLossBefore held-out loss of {@code fromVersion}; null where the gate did not run
 * @param gateLossAfter held-out loss of the candidate; null where the gate did not run
 * @param predictingTokens tokens that the loss was taken over
 * @param reusedTokens prompt tokens whose logged activations were used
 * @param recomputedTokens prompt tokens that were forwarded again
 * @param trainTokensPerSecond tokens trained per second of training
 * @param executors executors that took part
 * @param seconds how long it took
 * @param finishedAtMillis when it ended, in milliseconds since the epoch
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record RoundEvent(
    long round,
    String queryId,
    long batchId,
    long fromVersion,
    @Nullable Long toVersion,
    int steps,
    int examples,
    long received,
    long trained,
    long counted,
    long heldOut,
    long quarantined,
    long waiting,
    @Nullable Double loss,
    @Nullable Double gradientNorm,
    String gate,
    @Nullable Double gateLossBefore,
    @Nullable Double gateLossAfter,
    long predictingTokens,
    long reusedTokens,
    long recomputedTokens,
    double trainTokensPerSecond,
    int executors,
    double seconds,
    long finishedAtMillis)
    implements SparkListenerEvent {

  /** Texts that are null, as in a log of another version, become "". */
  public RoundEvent {
    queryId = ExecutorView.text(queryId);
    gate = ExecutorView.text(gate);
  }
}
