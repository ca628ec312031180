package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.jspecify.annotations.Nullable;

/**
 * What the driver knows of its executors at one moment; posted every few seconds. Immutable. Part of the event log's
 * format: components may be added, never renamed, and a reader takes an absent one as 0 or "".
 *
 * @param timeMillis when it was so, in milliseconds since the epoch
 * @param executors all executors, the lost ones too for as long as the driver remembers them
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record FleetEvent(long timeMillis, List<ExecutorView> executors)
    implements SparkListenerEvent {

  /** An event of these executors; none where {@code executors} is null, as in a log of another version. */
  public FleetEvent(long timeMillis, @Nullable List<ExecutorView> executors) {
    this.timeMillis = timeMillis;
    this.executors = executors == null ? List.of() : List.copyOf(executors);
  }
}
