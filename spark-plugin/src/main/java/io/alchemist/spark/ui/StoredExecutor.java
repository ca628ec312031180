package io.alchemist.spark.ui;

import java.util.List;
import org.apache.spark.util.kvstore.KVIndex;

/**
 * An executor in the application's store: what was last said of it and how it went before. Immutable.
 *
 * @param view what was last said of it
 * @param seenMillis when, in milliseconds since the epoch
 * @param samples its last hour, oldest first
 */
record StoredExecutor(ExecutorView view, long seenMillis, List<Sample> samples) {

  /**
   * One point of an executor's time series; what is unknown is NaN.
   *
   * @param timeMillis when it was taken
   * @param ttftMillisP99 time to the first token, 99th percentile
   * @param tpotMillisP99 time between two tokens, 99th percentile
   * @param tokensPerSecond tokens generated per second since the point before
   */
  record Sample(
      long timeMillis, double ttftMillisP99, double tpotMillisP99, double tokensPerSecond) {}

  @KVIndex
  public String id() {
    return view.executorId();
  }
}
