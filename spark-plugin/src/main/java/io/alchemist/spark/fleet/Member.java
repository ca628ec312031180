package io.alchemist.spark.fleet;

/**
 * An executor as the driver last heard of it. Immutable.
 *
 * @param executorId Spark's id
 * @param host where its API server is
 * @param port likewise; 0 where it has none
 * @param device in words
 * @param state what can be asked of it
 * @param detail why it is in that state; empty where there is nothing to say
 * @param report how its engine is
 * @param collected number of the last turn or feedback of it that is in the tables
 */
public record Member(
    String executorId,
    String host,
    int port,
    String device,
    State state,
    String detail,
    ExecutorReport report,
    long collected) {

  /** In the order of a life. */
  public enum State {
    /** Its engine is there but doesn't serve what all serve yet, or it can't be reached at the moment. */
    STARTING,
    READY,
    DRAINING,
    /** Its engine can't start, or has given up. */
    FAILED,
    /** Spark has lost it. */
    LOST
  }
}
