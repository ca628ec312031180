package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.jspecify.annotations.Nullable;

/**
 * The job has started; posted once, and again where one of these changes. Immutable. Part of the event log's format:
 * components may be added, never renamed.
 *
 * @param timeMillis when, in milliseconds since the epoch
 * @param model the model, as configured
 * @param routerAddress where users reach it, {@code http://host:port}; "" where there is no router
 * @param warehouse the folder of tables and adapters
 * @param settings what the job runs with, by key; secrets do not belong here
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record StartedEvent(
    long timeMillis,
    String model,
    String routerAddress,
    String warehouse,
    Map<String, String> settings)
    implements SparkListenerEvent {
  /** The key in {@link #settings} under which the page looks for how often a round is trained, as text with a unit. */
  public static final String ROUND_INTERVAL = "spark.alchemist.round.interval";

  /** An event of these settings, in the order of their keys; what is null becomes empty. */
  public StartedEvent(
      long timeMillis,
      @Nullable String model,
      @Nullable String routerAddress,
      @Nullable String warehouse,
      @Nullable Map<String, String> settings) {
    this.timeMillis = timeMillis;
    this.model = ExecutorView.text(model);
    this.routerAddress = ExecutorView.text(routerAddress);
    this.warehouse = ExecutorView.text(warehouse);
    this.settings =
        settings == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(settings));
  }
}
