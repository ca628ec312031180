package io.alchemist.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Times of one thing done several times, in seconds. */
final class Timed {
  /** The mean of so many of the largest is steadier than a percentile that a few requests make. */
  static final double TAIL = 0.05;

  private final List<Double> seconds = new ArrayList<>();

  void add(double value) {
    seconds.add(value);
  }

  /** The middle one; single runs on a shared machine vary by a fifth. */
  double median() {
    return percentile(0.5);
  }

  /** The value that a share of all don't exceed, linear between neighbours: 0 gives the least, 1 the most. */
  double percentile(double share) {
    if (seconds.isEmpty() || !(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException("Of " + seconds.size() + " times there is no percentile "
          + share + "; measure something, and ask for one in [0, 1].");
    }
    List<Double> sorted = new ArrayList<>(seconds);
    Collections.sort(sorted);
    double rank = share * (sorted.size() - 1);
    int below = (int) rank;
    int above = Math.min(below + 1, sorted.size() - 1);
    return sorted.get(below) + (rank - below) * (sorted.get(above) - sorted.get(below));
  }

  /** The mean of the largest values, a share of all; of one at least. */
  double meanOfLargest(double share) {
    int from = (int) (seconds.size() * (1 - share));
    return seconds.stream()
        .sorted()
        .skip(Math.min(from, seconds.size() - 1))
        .mapToDouble(Double::doubleValue)
        .average()
        .orElseThrow();
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
