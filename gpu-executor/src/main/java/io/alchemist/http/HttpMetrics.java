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
  private final Family<Histogram> firstTokenSeconds;
  private final Counter slowReaders;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicInteger connections = new AtomicInteger();

  HttpMetrics(Metrics metrics) {
    requests = metrics.counters(
        "alchemist_http_requests_total",
        "Requests answered, by route and HTTP status; 499 where the client left first.",
        "route",
        "status");
    seconds = metrics.histograms(
        "alchemist_http_request_seconds",
        "Seconds from a request's head to the last byte of its answer.",
        Buckets.SECONDS,
        "route");
    firstTokenSeconds = metrics.histograms(
        "alchemist_http_first_token_seconds",
        "Seconds from a request's head to the first text of its completion.",
        Buckets.SECONDS,
        "route");
    slowReaders = metrics.counter(
        "alchemist_http_slow_readers_total",
        "Connections cut off because the client read too slowly.");
    metrics.gauge(
        "alchemist_http_requests_in_flight", "Requests that are being answered.", inFlight::get);
    metrics.gauge("alchemist_http_connections", "Connections that are open.", connections::get);
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

  void firstToken(Route route, long nanos) {
    firstTokenSeconds.labels(route.template()).observeNanos(nanos);
  }

  void slowReader() {
    slowReaders.increment();
  }
}
