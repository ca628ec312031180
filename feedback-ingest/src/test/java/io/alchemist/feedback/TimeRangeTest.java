package io.alchemist.feedback;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TimeRangeTest {
  @Test
  void theWidestGapsAreLeftOut() {
    List<Instant> times = Stream.of(10L, 300L, 12L, 11L, 90L, 95L, 90L)
        .map(Instant::ofEpochSecond)
        .toList();

    assertThat(TimeRange.covering(times, 3))
        .containsExactly(range(10, 12), range(90, 95), range(300, 300));
    assertThat(TimeRange.covering(times, 2)).containsExactly(range(10, 95), range(300, 300));
    assertThat(TimeRange.covering(times, 1)).containsExactly(range(10, 300));
    assertThat(TimeRange.covering(List.of(), 3)).isEmpty();
  }

  @Property(tries = 200)
  void everyTimeIsInOneRange(
      @ForAll List<@IntRange(max = 1000) Integer> seconds,
      @ForAll @IntRange(min = 1, max = 5) int most) {
    List<Instant> times = seconds.stream().map(Instant::ofEpochSecond).toList();
    List<TimeRange> ranges = TimeRange.covering(times, most);

    assertThat(ranges.size()).isLessThanOrEqualTo(most);
    assertThat(times).allSatisfy(time -> assertThat(ranges)
        .filteredOn(range -> !time.isBefore(range.from()) && !time.isAfter(range.to()))
        .hasSize(1));
  }

  private static TimeRange range(long from, long to) {
    return new TimeRange(Instant.ofEpochSecond(from), Instant.ofEpochSecond(to));
  }
}
