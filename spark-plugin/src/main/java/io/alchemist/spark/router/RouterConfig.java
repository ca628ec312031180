package io.alchemist.spark.router;

import io.alchemist.http.ApiConfig;

/**
 * How the router listens and what it puts up with.
 *
 * @param host address to bind, e.g. 127.0.0.1, or 0.0.0.0 for all
 * @param port 0 for any free one
 * @param maxBodyBytes longest request body; longer ones are answered 413
 * @param maxConnections open connections of clients; more are answered 503 and closed
 * @param connectTimeoutMillis how long connecting to an executor may take
 * @param responseTimeoutMillis how long an executor may take to the first byte of its answer. An answer that is not
 *     streamed begins when it is whole, so this bounds the longest completion
 * @param idleTimeoutMillis how long a client's connection may wait for its next request, a request for its last byte, an
 *     answer that has begun for its next byte, and a client that takes nothing until it is cut off
 * @param closeTimeoutMillis how long {@link Router#close} lets running answers go on
 */
public record RouterConfig(
    String host,
    int port,
    int maxBodyBytes,
    int maxConnections,
    int connectTimeoutMillis,
    int responseTimeoutMillis,
    int idleTimeoutMillis,
    int closeTimeoutMillis) {

  /** An error event at a stream's end is all that is ever queued without regard to the reader. */
  private static final int MAX_QUEUED_BYTES = 4 << 20;

  /**
   * @throws IllegalArgumentException naming the value that is out of range
   */
  public RouterConfig {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port = " + port + " is not in [0, 65535].");
    }
    positive("maxBodyBytes", maxBodyBytes);
    positive("maxConnections", maxConnections);
    positive("connectTimeoutMillis", connectTimeoutMillis);
    positive("responseTimeoutMillis", responseTimeoutMillis);
    positive("idleTimeoutMillis", idleTimeoutMillis);
    if (closeTimeoutMillis < 0) {
      throw new IllegalArgumentException(
          "closeTimeoutMillis = " + closeTimeoutMillis + " is negative; 0 ends answers at once.");
    }
  }

  /** This machine only, port 8000, bodies up to 4 MiB, 4096 connections, answers within ten minutes. */
  public static RouterConfig defaults() {
    return new RouterConfig("127.0.0.1", 8000, 4 << 20, 4096, 2_000, 600_000, 75_000, 30_000);
  }

  /** The same elsewhere. */
  public RouterConfig at(String host, int port) {
    return new RouterConfig(
        host,
        port,
        maxBodyBytes,
        maxConnections,
        connectTimeoutMillis,
        responseTimeoutMillis,
        idleTimeoutMillis,
        closeTimeoutMillis);
  }

  /** What the clients' side is told; the time for feedback is the executors' to keep. */
  ApiConfig server() {
    return new ApiConfig(
        host,
        port,
        maxBodyBytes,
        maxConnections,
        idleTimeoutMillis,
        MAX_QUEUED_BYTES,
        idleTimeoutMillis,
        responseTimeoutMillis,
        closeTimeoutMillis);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " = " + value + " is less than 1.");
    }
  }
}
