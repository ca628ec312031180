package io.alchemist.spark.ui;

import io.alchemist.spark.ui.StoredExecutor.Sample;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * What is kept of one executor: what was last said of it, and its last hour at one point every 12 seconds, which is as
 * much as a sparkline shows. Not thread-safe: the listener's.
 */
final class ExecutorHistory {
  static final int MAX_SAMPLES = 300;
  static final long SPACING_MILLIS = 3_600_000 / MAX_SAMPLES;

  private final Deque<Sample> samples = new ArrayDeque<>();
  private ExecutorView view;
  private long seenMillis;
  private long sampledCompletionTokens;

  ExecutorHistory(long timeMillis, ExecutorView first) {
    view = first;
    seenMillis = timeMillis;
    sample(timeMillis, Double.NaN);
  }

  /** Takes what the fleet says now; an older word than the last changes nothing. */
  void add(long timeMillis, ExecutorView now) {
    if (timeMillis < seenMillis) {
      return;
    }
    view = now;
    seenMillis = timeMillis;
    long sinceMillis = timeMillis - samples.getLast().timeMillis();
    if (sinceMillis >= SPACING_MILLIS) {
      long tokens = now.completionTokens() - sampledCompletionTokens;
      boolean known = sampledCompletionTokens >= 0 && tokens >= 0;
      sample(timeMillis, known ? tokens * 1000.0 / sinceMillis : Double.NaN);
    }
  }

  /** When something was last said of it, in milliseconds since the epoch. */
  long seenMillis() {
    return seenMillis;
  }

  /** As the store keeps it. */
  StoredExecutor stored() {
    return new StoredExecutor(view, seenMillis, List.copyOf(samples));
  }

  private void sample(long timeMillis, double tokensPerSecond) {
    samples.add(
        new Sample(timeMillis, view.ttftMillisP99(), view.tpotMillisP99(), tokensPerSecond));
    if (samples.size() > MAX_SAMPLES) {
      samples.removeFirst();
    }
    sampledCompletionTokens = view.completionTokens();
  }
}
