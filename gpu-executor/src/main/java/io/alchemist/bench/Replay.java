package io.alchemist.bench;

import io.alchemist.engine.LatencyTargets;
import java.util.ArrayList;
import java.util.List;

/** What the replayed windows of one mode came to. */
final class Replay {
  private final LatencyTargets targets;
  private final Timed firstToken = new Timed();
  private final Timed perToken = new Timed();
  private final List<Timed> firstTokenByWindow = new ArrayList<>();
  private final List<Timed> perTokenByWindow = new ArrayList<>();
  private int inTime;
  private double wall;
  private double serving;
  private double training;
  private long trainedTokens;

  Replay(LatencyTargets targets) {
    this.targets = targets;
  }

  /** Begins with a window's times: in all, of steps of serving, of slices of training; and the tokens trained on. */
  void window(long wallNanos, long servingNanos, long trainingNanos, long tokens) {
    firstTokenByWindow.add(new Timed());
    perTokenByWindow.add(new Timed());
    wall += wallNanos * 1e-9;
    serving += servingNanos * 1e-9;
    training += trainingNanos * 1e-9;
    trainedTokens += tokens;
  }

  /** Adds a request of the window: when its first token came, how long the others took. An answer of one token has no time per token. */
  void request(long firstTokenNanos, long othersNanos, int tokens) {
    double first = firstTokenNanos * 1e-9;
    firstToken.add(first);
    last(firstTokenByWindow).add(first);
    double each = tokens > 1 ? othersNanos * 1e-9 / (tokens - 1) : 0;
    if (tokens > 1) {
      perToken.add(each);
      last(perTokenByWindow).add(each);
    }
    if (first * 1e3 <= targets.firstTokenMillis() && each * 1e3 <= targets.perTokenMillis()) {
      inTime++;
    }
  }

  double firstTokenMillis(double share) {
    return firstToken.percentile(share) * 1e3;
  }

  double perTokenMillis(double share) {
    return perToken.percentile(share) * 1e3;
  }

  /** The mean of the slowest, {@link Timed#TAIL} of all. */
  double slowestFirstTokensMillis() {
    return firstToken.meanOfLargest(Timed.TAIL) * 1e3;
  }

  /** Likewise, of the times per token. */
  double slowestPerTokenMillis() {
    return perToken.meanOfLargest(Timed.TAIL) * 1e3;
  }

  /** The slowest of a window over those of another's: the median of all windows, so that what befalls one of them counts for little. */
  double slowestFirstTokensOver(Replay other) {
    return tailRatio(firstTokenByWindow, other.firstTokenByWindow);
  }

  /** Likewise, of the times per token. */
  double slowestPerTokenOver(Replay other) {
    return tailRatio(perTokenByWindow, other.perTokenByWindow);
  }

  private static double tailRatio(List<Timed> windows, List<Timed> others) {
    Timed ratios = new Timed();
    for (int i = 0; i < windows.size(); i++) {
      ratios.add(
          windows.get(i).meanOfLargest(Timed.TAIL) / others.get(i).meanOfLargest(Timed.TAIL));
    }
    return ratios.median();
  }

  private static Timed last(List<Timed> windows) {
    return windows.get(windows.size() - 1);
  }

  /** Requests a second that met both targets. */
  double goodput() {
    return inTime / wall;
  }

  double servingShare() {
    return serving / wall;
  }

  double trainedTokensPerSecond() {
    return trainedTokens / wall;
  }

  /** Share of the time that serving left. */
  double trainingShareOfIdle() {
    return training / (wall - serving);
  }
}
