package io.alchemist.spark.router;

import io.alchemist.http.Route;
import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Family;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import java.util.Locale;

/** What the router counts of its dealings with executors; its server counts requests by route and status. Thread-safe. */
final class RouterMetrics {

  /** What became of one try. */
  enum Outcome {
    /** The answer was relayed to its end, whatever its status. */
    ANSWERED,
    /** No connection. */
    UNREACHABLE,
    /** 503, and another executor was asked. */
    UNAVAILABLE,
    /** The connection ended before the answer began. */
    LOST,
    /** The connection ended within the answer, or the answer stalled. */
    BROKEN,
    /** No answer began in time. */
    TIMEOUT,
    /** The client left first. */
    CLIENT_LEFT
  }

  private final Family<Counter> tries;
  private final Counter retries;
  private final Counter requestBytes;
  private final Counter answerBytes;
  private final Family<Histogram> firstByteSeconds;

  RouterMetrics(Metrics metrics) {
    tries = metrics.counters(
        "alchemist_router_tries_total",
        "Requests sent to an executor, by route and what became of them.",
        "route",
        "outcome");
    retries = metrics.counter(
        "alchemist_router_retries_total", "Tries after the first one of the same request.");
    Family<Counter> bytes = metrics.counters(
        "alchemist_router_proxied_bytes_total",
        "Bytes of bodies passed on, by direction.",
        "direction");
    requestBytes = bytes.labels("request");
    answerBytes = bytes.labels("answer");
    firstByteSeconds = metrics.histograms(
        "alchemist_router_first_byte_seconds",
        "Seconds from a request's head to the head of the executor's answer, retries included.",
        Buckets.SECONDS,
        "route");
  }

  void tried(Route route, Outcome outcome) {
    tries.labels(route.template(), outcome.name().toLowerCase(Locale.ROOT)).increment();
  }

  void retried() {
    retries.increment();
  }

  void sent(int bytes) {
    requestBytes.add(bytes);
  }

  void relayed(int bytes) {
    answerBytes.add(bytes);
  }

  void firstByte(Route route, long nanos) {
    firstByteSeconds.labels(route.template()).observeNanos(nanos);
  }
}
