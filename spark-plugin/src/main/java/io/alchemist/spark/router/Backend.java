package io.alchemist.spark.router;

/**
 * An executor's API server as the fleet knows it.
 *
 * @param id the executor's, which stays when its address changes; conversations stick to it
 * @param host name or address
 * @param port of its API server
 * @param state whether it takes requests
 * @param load requests running and queued there, as last reported
 * @param version the weight version it serves
 * @param detail what is to be said of its state, e.g. why it failed
 */
public record Backend(
    String id, String host, int port, State state, int load, long version, String detail) {

  /** In the order of a life. Only those that are READY are sent requests. */
  public enum State {
    STARTING,
    READY,
    DRAINING,
    FAILED,
    UNREACHABLE
  }
}
