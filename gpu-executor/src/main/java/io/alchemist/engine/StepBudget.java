package io.alchemist.engine;

import io.alchemist.serve.Server.StepReport;
import io.alchemist.train.SliceKind;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/**
 * Decides whether a slice of training fits before the next token is due. It learns how long a slice of each kind and a step of decoding
 * take, as running means, and keeps the time at which each answer's last token was given. Engine thread.
 *
 * <p>While anything is being prefilled, training waits until that has finished, not merely begun.
 */
final class StepBudget {
  /** Weight of the newest measurement. */
  private static final double NEWEST = 0.2;

  private final LatencyTargets targets;
  private final Map<String, Long> lastTokenNanos = new HashMap<>();
  private double decodeNanos;
  private final Map<SliceKind, Double> nanosPerRow = new EnumMap<>(SliceKind.class);
  private double predictionError;
  private long lastSliceNanos = System.nanoTime();

  StepBudget(LatencyTargets targets) {
    this.targets = targets;
  }

  /** Takes note of a step. */
  void stepTook(StepReport step, long nowNanos, long nanos) {
    for (String id : step.tokensFor()) {
      lastTokenNanos.put(id, nowNanos);
    }
    if (step.prefillRows() == 0 && step.decodeRows() > 0) {
      if (decodeNanos > 0) {
        predictionError = mean(predictionError, Math.abs(decodeNanos - nanos) / (double) nanos);
      }
      decodeNanos = mean(decodeNanos, (double) nanos);
    }
  }

  /** Takes note of a slice over {@code rows} rows. */
  void sliceTook(SliceKind kind, int rows, long nowNanos, long nanos) {
    lastSliceNanos = nowNanos;
    if (rows > 0) {
      nanosPerRow.merge(kind, (double) nanos / rows, StepBudget::mean);
    }
  }

  /** Forgets an answer that has ended. */
  void ended(String id) {
    lastTokenNanos.remove(id);
  }

  /** Notes that there was nothing to train, so nobody is kept waiting. */
  void nothingToTrain(long nowNanos) {
    lastSliceNanos = nowNanos;
  }

  /** Whether a slice over {@code rows} rows leaves the next token in time, or training has waited long enough. */
  boolean allows(SliceKind kind, int rows, boolean prefilling, long nowNanos) {
    if (nowNanos - lastSliceNanos > targets.trainingPatienceMillis() * 1e6) {
      return true;
    }
    if (prefilling) {
      return false;
    }
    if (lastTokenNanos.isEmpty()) {
      return true;
    }
    long oldest = Long.MAX_VALUE;
    for (long at : lastTokenNanos.values()) {
      oldest = Math.min(oldest, at);
    }
    double dueNanos = oldest + targets.perTokenMillis() * 1e6;
    return nowNanos + nanosPerRow.getOrDefault(kind, 0.0) * rows + decodeNanos <= dueNanos;
  }

  /** Mean relative error of the predicted time of a decoding step. */
  double predictionError() {
    return predictionError;
  }

  private static double mean(double before, double now) {
    return before == 0 ? now : before + NEWEST * (now - before);
  }
}
