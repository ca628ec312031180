package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.jspecify.annotations.Nullable;

/**
 * A weight version was made, or its status changed; the last event of a version holds. Immutable. Part of the event log's
 * format: components may be added, never renamed.
 *
 * @param version its number
 * @param parent the version it was trained from; null for the one that the job started with
 * @param status CANDIDATE, LIVE, REJECTED or ROLLED_BACK; of several LIVE ones the newest is live, the others were replaced
 * @param path where its adapter lies; "" where it is the model as given
 * @param queryId the streaming query that trained it; "" where none did
 * @param batchId the batch that trained it; null where none did
 * @param examples examples that trained it
 * @param loss mean loss per predicted token in nats; null where unknown
 * @param atMillis when this was so, in milliseconds since the epoch
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record VersionEvent(
    long version,
    @Nullable Long parent,
    String status,
    String path,
    String queryId,
    @Nullable Long batchId,
    int examples,
    @Nullable Double loss,
    long atMillis)
    implements SparkListenerEvent {

  /** Texts that are null, as in a log of another version, become "". */
  public VersionEvent {
    status = ExecutorView.text(status);
    path = ExecutorView.text(path);
    queryId = ExecutorView.text(queryId);
  }
}
