package io.alchemist.http;

import io.alchemist.metrics.Buckets;
import io.alchemist.metrics.Counter;
import io.alchemist.metrics.Family;
import io.alchemist.metrics.Histogram;
import io.alchemist.metrics.Metrics;
import java.util.concurrent.atomic.AtomicInteger;

/** What the server counts about itself. Thread-safe. */
final class HttpMetrics {
  /** Counted as the status where the client left before its answer was whole; never sent. */
  static final int CLIENT_LEFT = 499;

  private final Family<Counter> requests;
  private final Family<Histogram> seconds;
  private final Counter slowReaders;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicInteger connections = new AtomicInteger();

  /**
   * @param prefix what the names begin with
   */
  HttpMetrics(Metrics metrics, String prefix) {
    requests = metrics.counters(
        prefix + "_requests_total",
        "Requests answered, by route and HTTP status; 499 where the client left first.",
        "route",
        "status");
    seconds = metrics.histograms(
        prefix + "_request_seconds",
        "Seconds from a request's head to the last byte of its answer.",
        Buckets.SECONDS,
        "route");
    slowReaders = metrics.counter(
        prefix + "_slow_readers_total", "Connections cut off because the client read too slowly.");
    metrics.gauge(
        prefix + "_requests_in_flight", "Requests that are being answered.", inFlight::get);
    metrics.gauge(prefix + "_connections", "Connections that are open.", connections::get);
  }

  /** Counts a connection in; returns how many are open with it. */
  int opened() {
    return connections.incrementAndGet();
  }

  void closed() {
    connections.decrementAndGet();
  }

  void started() {
    inFlight.incrementAndGet();
  }

  void ended(Route route, int status, long nanos) {
    inFlight.decrementAndGet();
    requests.labels(route.template(), Integer.toString(status)).increment();
    seconds.labels(route.template()).observeNanos(nanos);
  }

  void slowReader() {
    slowReaders.increment();
  }
}
