package io.alchemist.http;

/**
 * How the API server listens and what it puts up with.
 *
 * @param host address to bind, e.g. 127.0.0.1, or 0.0.0.0 for all
 * @param port 0 for any free one
 * @param maxBodyBytes longest request body; longer ones are answered 413
 * @param maxConnections open connections; more are answered 503 and closed
 * @param idleTimeoutMillis how long a connection may wait for its next request, and a request for its last byte
 * @param maxQueuedBytes how much of a stream may wait for a slow reader before the stream is cut off
 * @param slowReaderTimeoutMillis how long a reader may take nothing more before its connection is closed
 * @param feedbackTimeoutMillis how long storing a feedback may take before the answer is 503
 * @param closeTimeoutMillis how long {@link ApiServer#close} lets running requests go on
 */
public record ApiConfig(
    String host,
    int port,
    int maxBodyBytes,
    int maxConnections,
    int idleTimeoutMillis,
    int maxQueuedBytes,
    int slowReaderTimeoutMillis,
    int feedbackTimeoutMillis,
    int closeTimeoutMillis) {

  /**
   * @throws IllegalArgumentException naming the value that is out of range
   */
  public ApiConfig {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port = " + port + " is not in [0, 65535].");
    }
    positive("maxBodyBytes", maxBodyBytes);
    positive("maxConnections", maxConnections);
    positive("idleTimeoutMillis", idleTimeoutMillis);
    positive("maxQueuedBytes", maxQueuedBytes);
    positive("slowReaderTimeoutMillis", slowReaderTimeoutMillis);
    positive("feedbackTimeoutMillis", feedbackTimeoutMillis);
    if (closeTimeoutMillis < 0) {
      throw new IllegalArgumentException(
          "closeTimeoutMillis = " + closeTimeoutMillis + " is negative; 0 ends requests at once.");
    }
  }

  /** This machine only, port 8080, bodies up to 4 MiB, 1024 connections. */
  public static ApiConfig defaults() {
    return new ApiConfig("127.0.0.1", 8080, 4 << 20, 1024, 75_000, 1 << 20, 30_000, 30_000, 30_000);
  }

  /** The same elsewhere. */
  public ApiConfig at(String host, int port) {
    return new ApiConfig(
        host,
        port,
        maxBodyBytes,
        maxConnections,
        idleTimeoutMillis,
        maxQueuedBytes,
        slowReaderTimeoutMillis,
        feedbackTimeoutMillis,
        closeTimeoutMillis);
  }

  /** The same, letting running requests go on for so long when it is closed. */
  public ApiConfig closingWithin(int millis) {
    return new ApiConfig(
        host,
        port,
        maxBodyBytes,
        maxConnections,
        idleTimeoutMillis,
        maxQueuedBytes,
        slowReaderTimeoutMillis,
        feedbackTimeoutMillis,
        millis);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " = " + value + " is less than 1.");
    }
  }
}
