package io.alchemist.http;

import io.alchemist.metrics.Metrics;
import io.alchemist.serve.TextService;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

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
  /** With a second one, a long prompt keeps no short one waiting. What waits is one request of each connection. */
  private static final int TOKENIZING_THREADS = 2;

  private final HttpServer server;
  private final ExecutorService tokenizing;

  private ApiServer(HttpServer server, ExecutorService tokenizing) {
    this.server = server;
    this.tokenizing = tokenizing;
  }

  /**
   * Binds and serves. The service stays the caller's, who closes it after the server.
   *
   * @throws IOException if the address cannot be bound
   */
  public static ApiServer start(ApiConfig config, TextService service, Metrics metrics)
      throws IOException {
    ExecutorService tokenizing = Executors.newFixedThreadPool(
        TOKENIZING_THREADS, new DefaultThreadFactory("alchemist-tokenizer", true));
    try {
      return new ApiServer(
          HttpServer.start(
              "http", config, Endpoints.of(config, service, metrics, tokenizing), metrics),
          tokenizing);
    } catch (IOException | RuntimeException e) {
      tokenizing.shutdown();
      throw e;
    }
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
    tokenizing.shutdownNow(); // nobody waits any more
  }
}
