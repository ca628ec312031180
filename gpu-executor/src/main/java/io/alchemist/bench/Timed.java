package io.alchemist.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Times of one thing done several times, in seconds. */
final class Timed {
  private final List<Double> seconds = new ArrayList<>();

  void add(double value) {
    seconds.add(value);
  }

  /** The middle one; single runs on a shared machine vary by a fifth. */
  double median() {
    return quantile(0.5);
  }

  /** What a share {@code q} of the times stays under; between two of them in proportion. */
  double quantile(double q) {
    List<Double> sorted = new ArrayList<>(seconds);
    Collections.sort(sorted);
    double at = q * (sorted.size() - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.size() - 1);
    return sorted.get(below) + (at - below) * (sorted.get(above) - sorted.get(below));
  }

  /** The median of this over that of another, run by run: pairs taken together see the same machine. */
  double medianRatioTo(Timed other) {
    Timed ratios = new Timed();
    for (int i = 0; i < seconds.size(); i++) {
      ratios.add(seconds.get(i) / other.seconds.get(i));
    }
    return ratios.median();
  }
}
