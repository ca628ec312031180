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
    List<Double> sorted = new ArrayList<>(seconds);
    Collections.sort(sorted);
    int n = sorted.size();
    return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
  }

  /** The smallest value that a share {@code q} of all do not exceed. */
  double quantile(double q) {
    List<Double> sorted = new ArrayList<>(seconds);
    Collections.sort(sorted);
    return sorted.get(Math.max(0, (int) Math.ceil(q * sorted.size()) - 1));
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
