package io.alchemist.spark.ui;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * A round's gradient from logged activations was compared with the one that recomputes everything. Immutable. Part of the event
 * log's format: components may be added, never renamed.
 *
 * @param round which round's
 * @param tokens of its examples, prompts included
 * @param reusedTokens prompt tokens whose forward pass was reused
 * @param reuseSeconds that the gradient took from what was logged
 * @param recomputeSeconds that it took without
 * @param relativeError norm of the difference of both over that of the recomputed one
 * @param cosine of the angle between them
 * @param atMillis when, in milliseconds since the epoch
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record AuditEvent(
    long round,
    long tokens,
    long reusedTokens,
    double reuseSeconds,
    double recomputeSeconds,
    double relativeError,
    double cosine,
    long atMillis)
    implements SparkListenerEvent {}
