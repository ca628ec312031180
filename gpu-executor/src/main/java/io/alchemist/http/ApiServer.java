package io.alchemist.http;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.TextService;
import java.io.IOException;

/**
 * The HTTP server in front of a {@link TextService}: OpenAI's chat and plain completions, streamed or whole, its models
 * and its error envelope; feedback, health and Prometheus metrics.
 *
 * <p>The answer's {@code id} is the turn id that feedback cites. With several choices the turn of choice {@code i} is
 * {@code <id>-<i>}. Its {@code system_fingerprint} is {@code v} and the weight version live when the request came.
 *
 * <p>There is no authentication: bind an address that only those reach who may ask. Thread-safe.
 */
public final class ApiServer implements AutoCloseable {
  private final HttpServer server;

  private ApiServer(HttpServer server) {
    this.server = server;
  }

  /**
   * Binds and serves. The service stays the caller's, who closes it after the server.
   *
   * @throws IOException if the address cannot be bound
   */
  public static ApiServer start(ApiConfig config, TextService service, Metrics metrics)
      throws IOException {
    return new ApiServer(
        HttpServer.start("http", config, Endpoints.of(config, service, metrics), metrics));
  }

  /** The port it listens on. */
  public int port() {
    return server.port();
  }

  /**
   * Stops listening, ends idle connections, lets running requests finish for up to {@link
   * ApiConfig#closeTimeoutMillis()}, then cancels what is left. Waits for all that; not for a thread of the server's own.
   */
  @Override
  public void close() {
    server.close();
  }
}
