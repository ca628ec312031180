package io.alchemist.feedback;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A stretch of time, both ends included. */
record TimeRange(Instant from, Instant to) {

  /** At most {@code most} ranges that contain all times and leave out the widest gaps between them. */
  static List<TimeRange> covering(Collection<Instant> times, int most) {
    List<Instant> sorted = List.copyOf(new TreeSet<>(times));
    Set<Integer> cuts = IntStream.range(1, sorted.size())
        .boxed()
        .sorted(Comparator.comparing(
            (Integer i) -> Duration.between(sorted.get(i - 1), sorted.get(i)),
            Comparator.reverseOrder()))
        .limit(most - 1L)
        .collect(Collectors.toSet());
    List<TimeRange> ranges = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= sorted.size(); i++) {
      if (i == sorted.size() || cuts.contains(i)) {
        ranges.add(new TimeRange(sorted.get(start), sorted.get(i - 1)));
        start = i;
      }
    }
    return ranges;
  }
}
