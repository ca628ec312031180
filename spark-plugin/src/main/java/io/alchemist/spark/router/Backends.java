package io.alchemist.spark.router;

import java.util.List;

/** The fleet as the router sees it. Thread-safe; called on event loops for each request, so nothing may block. */
public interface Backends {

  /** All executors that are known, in whatever state; ids do not repeat. The list is not changed later. */
  List<Backend> all();

  /**
   * Told that no connection to a backend could be made. Until {@link #all} shows another state than READY, requests go on
   * trying it.
   */
  void unreachable(Backend backend, String why);
}
