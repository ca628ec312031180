package io.alchemist.tensor;

/** A point in a queue of work. Thread-safe. */
public interface Fence {

  /** Whether the work before this point has finished, without waiting. */
  boolean isDone();

  /**
   * Waits until the work before this point has finished.
   *
   * @throws RuntimeException what made the work fail
   */
  void await();
}
